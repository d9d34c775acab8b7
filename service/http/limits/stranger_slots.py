"""Limits how many requests without an API key run at the same time in one process.

Each request runs in a worker thread. If strangers could have all threads, a request with a key would wait for theirs,
although their budget is small.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from service.errors import Unavailable
from service.http.auth import Caller, MaybeCaller
from service.http.state import shared
from service.settings import Settings

_RETRY_SECONDS = 2


class StrangerSlots:
    """The slots of one process: a quarter of the threads, but at least one."""

    def __init__(self, settings: Settings) -> None:
        self._slots = asyncio.Semaphore(max(1, settings.threads // 4))
        self._wait_seconds = settings.scan_wait_seconds

    @asynccontextmanager
    async def one(self, caller: Caller | None) -> AsyncIterator[None]:
        """Hold a slot if there is no key. Raises Unavailable if none becomes free in time."""
        if caller is not None:
            yield
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable(
                f"The registry works on as many requests without an API key as it can, and none ended within "
                f"{self._wait_seconds:g} s. Send the request again later, or use an API key.",
                _RETRY_SECONDS,
            ) from None
        try:
            yield
        finally:
            self._slots.release()


StrangerSlotsOf = Annotated[StrangerSlots, shared(StrangerSlots)]


async def _without_body(request: Request, caller: MaybeCaller, slots: StrangerSlotsOf) -> AsyncIterator[None]:
    if request.method not in ("GET", "HEAD"):
        yield
        return
    async with slots.one(caller):
        yield


#: Holds a slot for a request that has no body, until its handler returns; for `include_router`. A request with a body
#: takes its slot after the body was received: otherwise slow senders would hold all slots.
without_body = Depends(_without_body, scope="function")
