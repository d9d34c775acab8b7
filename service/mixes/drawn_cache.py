"""A cache of the mixes that were drawn last. After a client has built a mix, it usually downloads the items."""

from collections import OrderedDict
from threading import Lock

from firsthand.schemas.mixes import Mix
from service.claims.view import View
from service.mixes import store
from service.mixes.store import Drawn
from service.storage.engine import Database

#: The maximum number of items in all cached mixes together. An item needs 56 bytes.
_MOST_ITEMS = 2**21


class DrawnCache:
    """The drawn mixes of one process, by id. If the cache is full, the oldest mixes are removed.

    Entries never become invalid, because an id always stands for the same items.
    """

    def __init__(self, most_items: int = _MOST_ITEMS) -> None:
        self._most, self._lock = most_items, Lock()
        self._drawn = OrderedDict[str, Drawn]()
        self._items = 0  # kept up to date: there may be tens of thousands of small mixes, too many to count each time

    def keep(self, id_: str, drawn: Drawn) -> None:
        """Add a mix, and remove the oldest mixes until the rest fits."""
        with self._lock:
            if (before := self._drawn.pop(id_, None)) is not None:
                self._items -= before.held
            self._drawn[id_] = drawn
            self._items += drawn.held
            while self._items > self._most:
                _, oldest = self._drawn.popitem(last=False)
                self._items -= oldest.held

    def drawn(self, database: Database, view: View, mix: Mix) -> Drawn:
        """Return a stored mix with its items, from the cache or drawn again.

        `view` must be at the position of the mix.
        """
        with self._lock:
            drawn = self._drawn.get(mix.id or "")
        return drawn or store.draw(database, view, mix.recipe, mix.parts)
