"""The mixes that were drawn last, in memory: after building a mix, a client usually asks for its items."""

from collections import OrderedDict
from threading import Lock

from firsthand.schemas.mixes import Mix
from service.claims.view import View
from service.mixes import store
from service.mixes.store import Drawn
from service.storage.engine import Database

#: The most items that are kept in all mixes together. Each takes 56 bytes.
_MOST_ITEMS = 2**21


class DrawnCache:
    """Drawn mixes of one process, by their ids. The oldest are dropped. An id always means the same items."""

    def __init__(self, most_items: int = _MOST_ITEMS) -> None:
        self._most, self._lock = most_items, Lock()
        self._drawn = OrderedDict[str, Drawn]()
        self._items = 0  # counted along: there may be tens of thousands of small mixes

    def keep(self, id_: str, drawn: Drawn) -> None:
        """Keep a mix, and drop the oldest ones until all fit."""
        with self._lock:
            if (before := self._drawn.pop(id_, None)) is not None:
                self._items -= before.held
            self._drawn[id_] = drawn
            self._items += drawn.held
            while self._items > self._most:
                _, oldest = self._drawn.popitem(last=False)
                self._items -= oldest.held

    def drawn(self, database: Database, view: View, mix: Mix) -> Drawn:
        """Return the items of a stored mix, from memory or drawn again. `view` is at the position of the mix."""
        with self._lock:
            drawn = self._drawn.get(mix.id or "")
        return drawn or store.draw(database, view, mix.recipe, mix.parts)
