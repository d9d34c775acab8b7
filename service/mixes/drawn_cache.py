"""The mixes that were drawn last, in memory: who builds one mostly asks for its items next."""

from collections import OrderedDict
from threading import Lock

from firsthand.schemas.mixes import Mix
from service.claims.catalog import View
from service.mixes import store
from service.mixes.store import Drawn
from service.storage.engine import Database

#: Items of all that are kept; each takes 56 bytes.
_MOST_ITEMS = 2**21


class Recent:
    """Drawn mixes by their ids, of one process; the oldest go. The same id is the same items, so none is ever wrong."""

    def __init__(self, most_items: int = _MOST_ITEMS) -> None:
        self._most, self._lock = most_items, Lock()
        self._drawn = OrderedDict[str, Drawn]()
        self._items = 0  # of all that are kept: there may be tens of thousands of small mixes

    def keep(self, id_: str, drawn: Drawn) -> None:
        with self._lock:
            if (before := self._drawn.pop(id_, None)) is not None:
                self._items -= before.held
            self._drawn[id_] = drawn
            self._items += drawn.held
            while self._items > self._most:
                _, oldest = self._drawn.popitem(last=False)
                self._items -= oldest.held

    def again(self, database: Database, view: View, mix: Mix) -> Drawn:
        """The items of a kept mix, at its own position: as they were drawn a moment ago, or drawn again."""
        with self._lock:
            drawn = self._drawn.get(mix.id or "")
        return drawn or store.draw(database, view, mix.recipe, mix.parts)
