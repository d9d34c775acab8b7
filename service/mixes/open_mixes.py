"""The mixes whose items are being sent: each is in memory once, and all together are bounded.

A caller can read an answer slowly, and can open many at a time. Without a bound, each of them would hold the items of a
mix: 56 MB per million.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock

from firsthand.schemas.mixes import Mix
from service.errors import Unavailable
from service.http.auth import Caller
from service.http.bodies import holder_of
from service.http.limits.fair_pool import FairPool
from service.mixes.rules import ITEM_BYTES
from service.mixes.store import Drawn

_RETRY_SECONDS = 5


@dataclass
class OpenMix:
    """A mix that at least one answer uses. The first one that needs its items selects them."""

    holder: int | None
    held: int
    "in whose name memory was taken for it, and how many bytes"
    users: int = 0
    drawn: Drawn | None = None
    _lock: Lock = field(default_factory=Lock)

    def items(self, select: Callable[[], Drawn]) -> Drawn:
        """Return the items; `select` is called if they are not in memory. Other threads wait for it."""
        with self._lock:
            if self.drawn is None:
                self.drawn = select()
            return self.drawn


class OpenMixes:
    """The open mixes of one process, by id. `one` is used on the event loop alone.

    An organization may take three quarters of the memory, and all callers without a key together one quarter. A mix
    that is larger than this takes all of it.
    """

    def __init__(self, most_bytes: int) -> None:
        self._others, self._anonymous = most_bytes - most_bytes // 4, most_bytes // 4
        self._pool = FairPool(most_bytes, kept_for_others=most_bytes // 4)
        self._open: dict[str, OpenMix] = {}

    def find(self, id_: str) -> Drawn | None:
        """Return the items of a mix that is open, or None. Any thread may call this."""
        opened = self._open.get(id_)
        return opened.drawn if opened else None

    @asynccontextmanager
    async def one(self, mix: Mix, caller: Caller | None) -> AsyncIterator[OpenMix]:
        """Hold a stored mix open. Raises Unavailable if the open mixes of this caller, or of all, take too much."""
        assert mix.id is not None
        holder, most = holder_of(caller), self._others if caller else self._anonymous
        opened = self._open.get(mix.id)
        if opened is None:
            opened = OpenMix(holder, min(most, ITEM_BYTES * sum(part.counts.total for part in mix.parts)))
            if not self._pool.take(holder, opened.held, most):
                raise Unavailable(
                    "The registry sends as many large mixes as it has memory for. Send the request again later.",
                    _RETRY_SECONDS,
                )
            self._open[mix.id] = opened
        opened.users += 1
        try:
            yield opened
        finally:
            opened.users -= 1
            if not opened.users:
                del self._open[mix.id]
                self._pool.give(opened.holder, opened.held)
