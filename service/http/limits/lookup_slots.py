"""Limits how many large look-ups of one caller run at the same time in one process.

A look-up of 100,000 items takes a worker thread and a database connection for a third of a second. If one caller could
have all threads, every other request would wait for its look-ups.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.http.auth import Caller
from service.http.bodies import SMALL_BYTES, holder_of
from service.settings import Settings


@dataclass
class _Holder:
    slots: asyncio.Semaphore
    users: int = 0


class LookupSlots:
    """The slots of one process. It is used on the event loop alone.

    An organization runs as many large look-ups as a quarter of the threads, and all callers without a key together run
    half as many. Further ones wait on the event loop, so they hold no thread and no connection; their bodies count as
    memory.
    """

    def __init__(self, settings: Settings) -> None:
        self._most = max(2, settings.threads // 4)
        self._holders: dict[int | None, _Holder] = {}

    @asynccontextmanager
    async def one_if_large(self, body: bytes, caller: Caller | None) -> AsyncIterator[None]:
        """Hold a slot if the body of the look-up is large."""
        if len(body) <= SMALL_BYTES:
            yield
            return
        id_ = holder_of(caller)
        most = self._most if caller else self._most // 2
        holder = self._holders.setdefault(id_, _Holder(asyncio.Semaphore(most)))
        holder.users += 1
        try:
            async with holder.slots:
                yield
        finally:
            holder.users -= 1
            if not holder.users:
                del self._holders[id_]  # otherwise every organization that ever called would stay here
