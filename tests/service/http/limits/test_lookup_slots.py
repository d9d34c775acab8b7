"""One caller never has all threads with large look-ups, and small look-ups wait for no slot."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from service.http.bodies import SMALL_BYTES
from service.http.limits.lookup_slots import LookupSlots
from service.settings import Settings
from tests.service.callers import caller

LARGE, SMALL = b"a" * (SMALL_BYTES + 1), b"a" * SMALL_BYTES


async def held_of(slots: LookupSlots, organization: int | None, look_ups: int, stack: AsyncExitStack) -> int:
    """Return how many large look-ups get a slot without waiting. They keep it until the stack is closed."""
    by = None if organization is None else caller(organization)
    for number in range(look_ups):
        waiting = asyncio.ensure_future(stack.enter_async_context(slots.one_if_large(LARGE, by)))
        done, _ = await asyncio.wait([waiting], timeout=0.01)  # short: a free slot is taken without waiting
        if not done:
            waiting.cancel()
            await asyncio.wait([waiting])
            return number
    return look_ups


@pytest.mark.parametrize(("threads", "of_organization", "of_strangers"), [(16, 4, 2), (40, 10, 5), (1, 2, 1)])
def test_each_caller_has_slots_of_its_own(threads: int, of_organization: int, of_strangers: int) -> None:
    async def use() -> list[int]:
        slots = LookupSlots(Settings(threads=threads))
        async with AsyncExitStack() as stack:
            held = [await held_of(slots, organization, 20, stack) for organization in (1, None, 2)]
            async with slots.one_if_large(SMALL, caller(1)), slots.one_if_large(SMALL, None):
                pass
        assert not slots._holders
        return held

    assert asyncio.run(use()) == [of_organization, of_strangers, of_organization]


def test_a_look_up_that_waits_gets_the_slot_of_one_that_ended() -> None:
    async def use() -> None:
        slots, order = LookupSlots(Settings(threads=1)), list[str]()

        async def look_up(name: str) -> None:
            async with slots.one_if_large(LARGE, None):
                order.append(f"{name} begins")
                await asyncio.sleep(0)
                order.append(f"{name} ends")

        await asyncio.gather(*(look_up(name) for name in "abc"))
        assert order == [f"{name} {word}" for name in "abc" for word in ("begins", "ends")]

    asyncio.run(use())
