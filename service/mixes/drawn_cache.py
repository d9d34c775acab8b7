"""The mixes that were drawn last, in memory: after building a mix, a client usually asks for its items."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from service.mixes.store import Drawn

#: What a mix takes besides its items: its recipe and the objects around its arrays.
_BYTES_PER_MIX = 4_096


class _Kept(NamedTuple):
    drawn: Drawn
    bytes: int


class DrawnCache:
    """Drawn mixes of one process, by their ids. The oldest are dropped. An id always means the same items."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._lock = most_bytes, Lock()
        self._kept = OrderedDict[str, _Kept]()
        self._bytes = 0  # counted along: there may be tens of thousands of small mixes

    def keep(self, id_: str, drawn: Drawn) -> None:
        """Keep a mix, and drop the oldest ones until all fit. A mix that alone does not fit drops no other."""
        kept = _Kept(drawn, drawn.bytes + _BYTES_PER_MIX)
        with self._lock:
            if (before := self._kept.pop(id_, None)) is not None:
                self._bytes -= before.bytes
            if kept.bytes > self._most:
                return
            self._kept[id_] = kept
            self._bytes += kept.bytes
            while self._bytes > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.bytes

    def find(self, id_: str) -> Drawn | None:
        """Return a mix if it is in memory."""
        with self._lock:
            kept = self._kept.get(id_)
        return kept.drawn if kept else None
