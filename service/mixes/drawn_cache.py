"""A cache of the mixes that were selected last, because a client usually downloads the items after it built a mix."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from service.mixes.store import Drawn

#: The memory of a mix in bytes, in addition to its items: its recipe and the objects around its arrays.
_BYTES_PER_MIX = 4_096


class _Kept(NamedTuple):
    drawn: Drawn
    bytes: int


class DrawnCache:
    """The selected mixes of one process, by id. If the cache is full, the oldest mixes are removed.

    Entries never become invalid, because an id always means the same items.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._lock = most_bytes, Lock()
        self._kept = OrderedDict[str, _Kept]()
        self._bytes = 0  # updated at each change, because a sum over tens of thousands of small mixes would be slow

    def keep(self, id_: str, drawn: Drawn) -> None:
        """Add a mix, and remove the oldest mixes until the others fit.

        A mix that is larger than the cache is not added.
        """
        kept = _Kept(drawn, drawn.memory + _BYTES_PER_MIX)
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
        """Return a mix, or None if it is not in the cache."""
        with self._lock:
            kept = self._kept.get(id_)
        return kept.drawn if kept else None
