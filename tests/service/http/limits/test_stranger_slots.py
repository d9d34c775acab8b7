"""Strangers never have all threads, and a request with a key waits for none of their slots."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from service.errors import Unavailable
from service.http.limits.stranger_slots import StrangerSlots
from service.settings import Settings
from tests.service.callers import caller


def test_strangers_have_a_quarter_of_the_threads_and_keys_need_no_slot() -> None:
    async def use() -> None:
        slots = StrangerSlots(Settings(threads=8, scan_wait_seconds=0.01))
        async with AsyncExitStack() as held:
            for _ in range(2):
                await held.enter_async_context(slots.one(None))
            with pytest.raises(Unavailable, match="without an API key") as refused:
                await held.enter_async_context(slots.one(None))
            assert refused.value.headers["Retry-After"] == "2"
            for _ in range(20):
                await held.enter_async_context(slots.one(caller(1)))
        async with slots.one(None):
            pass

    asyncio.run(use())
