"""The slots of scans: how many run at the same time, who may have them, how long a request waits."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from service.errors import Unavailable
from service.http.auth import Caller
from service.http.limits.scan_slots import ScanSlots
from service.log.rules import Issuer
from service.settings import Settings

KEY = Caller(Issuer(1, "local"), frozenset(), "a")
#: So that a test in which nothing becomes free need not wait.
AT_ONCE = 0.05


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


async def is_refused(slots: ScanSlots, caller: Caller | None) -> bool:
    try:
        async with slots.one_if(True, caller):
            return False
    except Unavailable:
        return True


def test_a_scan_for_which_there_is_no_slot_is_refused_after_its_wait() -> None:
    async def test() -> None:
        slots = ScanSlots(Settings(scan_slots=2, scan_wait_seconds=AT_ONCE))
        async with slots.one_if(True, KEY), slots.one_if(True, KEY):
            assert await is_refused(slots, KEY)
        assert not await is_refused(slots, KEY)

    run(test)


def test_a_request_that_needs_no_scan_waits_for_none() -> None:
    async def test() -> None:
        slots = ScanSlots(Settings(scan_slots=1, scan_wait_seconds=AT_ONCE))
        async with slots.one_if(True, KEY), slots.one_if(False, KEY):
            assert await is_refused(slots, KEY)

    run(test)


@pytest.mark.parametrize(("scan_slots", "anonymous"), [(1, 1), (4, 1), (8, 2)])
def test_callers_without_a_key_leave_slots_to_keys(scan_slots: int, anonymous: int) -> None:
    async def test() -> None:
        slots = ScanSlots(Settings(scan_slots=scan_slots, scan_wait_seconds=AT_ONCE))
        held = [slots.one_if(True, None) for _ in range(anonymous)]
        for slot in held:
            await slot.__aenter__()
        assert await is_refused(slots, None)
        assert await is_refused(slots, KEY) == (scan_slots == anonymous)
        for slot in held:
            await slot.__aexit__(None, None, None)

    run(test)


def test_a_waiting_scan_gets_the_slot_that_becomes_free() -> None:
    async def test() -> None:
        slots = ScanSlots(Settings(scan_slots=1, scan_wait_seconds=300))
        async with slots.one_if(True, None):
            waiting = asyncio.create_task(is_refused(slots, KEY))
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting is False

    run(test)


def test_a_scan_that_is_refused_keeps_no_slot() -> None:
    """A caller without a key waits for two semaphores: the first must be given back if the second is not free."""

    async def test() -> None:
        slots = ScanSlots(Settings(scan_slots=1, scan_wait_seconds=AT_ONCE))
        async with slots.one_if(True, KEY):
            assert await is_refused(slots, None)
        assert not await is_refused(slots, None)

    run(test)
