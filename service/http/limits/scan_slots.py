"""A limit on the number of scans of the registry that run at the same time in one process.

A scan may read all items of the registry, to select a mix or to count the training data of a model. It waits for its
slot on the event loop, so a waiting scan uses no worker thread and no database connection.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from service.errors import Unavailable
from service.http.auth import Caller
from service.settings import Settings

_RETRY_SECONDS = 2


class ScanSlots:
    """The slots of one process. All callers without a key may use a quarter of them, but at least one."""

    def __init__(self, settings: Settings) -> None:
        self._all = asyncio.Semaphore(settings.scan_slots)
        self._anonymous = asyncio.Semaphore(max(1, settings.scan_slots // 4))
        self._wait_seconds = settings.scan_wait_seconds

    @asynccontextmanager
    async def one_if(self, needed: bool, caller: Caller | None) -> AsyncIterator[None]:
        """Hold a slot during the `async with` block if `needed` is true.

        Raises Unavailable if no slot becomes free in time.
        """
        if not needed:
            yield
            return
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._wait_seconds):
                    if caller is None:
                        await held.enter_async_context(self._anonymous)
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise Unavailable(
                    f"The registry already runs its maximum number of scans, and none of them ended within "
                    f"{self._wait_seconds:g} s. Send the request again later.",
                    _RETRY_SECONDS,
                ) from None
            yield
