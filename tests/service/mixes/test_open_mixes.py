"""The mixes that are being sent are in memory once each, and all together are bounded."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import httpx2
import pytest

from benchmarks.harness.waiting import wait_until
from firsthand import Digested
from firsthand.schemas.mixes import Mix, Part, PartTaken, Recipe
from firsthand.schemas.models import OriginCounts
from service.errors import Unavailable
from service.mixes.open_mixes import OpenMix, OpenMixes
from service.mixes.rules import ITEM_BYTES
from service.mixes.store import Drawn
from tests.conftest import Registry
from tests.factories import random_digests
from tests.service.callers import caller
from tests.service.wire import connected

#: Many enough that an answer does not fit in the buffers of a connection.
ITEMS = 500_000
NOTHING = Drawn(Recipe(parts=[Part()]), [], [])


def mix(name: str, items: int) -> Mix:
    counts = OriginCounts(human=items)
    taken = PartTaken(asked=None, items=items, size=None, last=None, counts=counts)
    recipe = Recipe(parts=[Part()])
    return Mix(
        id=name, position=1, recipe=recipe, items=items, digest="0" * 64, counts=counts, parts=[taken], created_at=None
    )


def test_a_mix_counts_once_and_is_given_back_after_the_last_answer() -> None:
    async def use() -> None:
        mixes = OpenMixes(100 * ITEM_BYTES)
        async with AsyncExitStack() as held:
            first = await held.enter_async_context(mixes.one(mix("a", 70), caller(1)))
            assert await held.enter_async_context(mixes.one(mix("a", 70), caller(2))) is first
            with pytest.raises(Unavailable, match="as many large mixes"):
                await held.enter_async_context(mixes.one(mix("b", 70), caller(2)))
            await held.enter_async_context(mixes.one(mix("c", 30), caller(2)))
        async with mixes.one(mix("b", 70), caller(2)) as other:
            assert other is not first
        assert mixes.find("a") is None

    asyncio.run(use())


def test_no_organization_and_no_strangers_take_all_memory() -> None:
    async def use() -> None:
        mixes = OpenMixes(100 * ITEM_BYTES)
        async with AsyncExitStack() as held:
            await held.enter_async_context(mixes.one(mix("a", 70), caller(1)))
            with pytest.raises(Unavailable):
                await held.enter_async_context(mixes.one(mix("b", 10), caller(1)))
            await held.enter_async_context(mixes.one(mix("c", 20), None))
            with pytest.raises(Unavailable):
                await held.enter_async_context(mixes.one(mix("d", 10), None))
            await held.enter_async_context(mixes.one(mix("e", 10), caller(2)))

    asyncio.run(use())


def test_a_mix_that_is_larger_than_the_memory_is_sent_alone() -> None:
    async def use() -> None:
        mixes = OpenMixes(100 * ITEM_BYTES)
        async with mixes.one(mix("huge", 10**9), caller(1)):
            with pytest.raises(Unavailable):
                async with mixes.one(mix("b", 1), caller(1)):
                    pass

    asyncio.run(use())


def test_answers_that_begin_together_select_the_items_once() -> None:
    opened, selected, may_end = OpenMix(None, 0), list[int](), threading.Event()

    def select() -> Drawn:
        selected.append(1)
        may_end.wait()
        return NOTHING

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(opened.items, select) for _ in range(3)]
        wait_until(lambda: bool(selected), "a thread selects")
        may_end.set()
        assert all(answer.result() is NOTHING for answer in answers)
    assert len(selected) == 1


@pytest.mark.parametrize("settings", [{"open_mix_bytes": 1, "mix_cache_bytes": 0}], indirect=True)
def test_memory_is_given_back_when_an_answer_was_sent_or_broke_off(registry: Registry, http: httpx2.Client) -> None:
    client = registry.client()
    client.put_dataset("local/texts")
    client.register("local/texts", Digested(random_digests(ITEMS)), origin="human")
    mixes = [str(client.create_mix(Recipe(seed=seed, parts=[Part()])).id) for seed in (1, 2)]
    for id_ in mixes * 2:
        assert sum(map(len, client.mix_digests(id_, ITEMS))) == ITEMS
    reader = connected(registry.url)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with reader:
        key = f"Authorization: Bearer {registry.api_key}"
        reader.sendall(f"GET /v1/mixes/{mixes[0]}/digests HTTP/1.1\r\nHost: registry\r\n{key}\r\n\r\n".encode())
        reader.recv(1, socket.MSG_PEEK)  # until the answer has begun
        refused = http.get(f"/v1/mixes/{mixes[1]}/digests")
        assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "5")
    wait_until(lambda: http.get(f"/v1/mixes/{mixes[1]}/digests").status_code == 200, "the memory is given back")
