"""Writers at the same time: nobody misses what the other says, nobody waits for ever, positions have no gap."""

import select
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand import Client
from firsthand.core.digests import Digests
from firsthand.core.verdicts import CONTESTED
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Part, Recipe
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register

ROUNDS, ITEMS = 50, 5_000


def at_once(registry: Registry, items: Digests, pool: ThreadPoolExecutor) -> None:
    """Two writers register the same items, one as human, one as a model's, and begin together."""
    barrier = Barrier(2)

    def write(origin: str) -> None:
        client = registry.client()
        mine = items if origin == "human" else items[::-1]  # sent in opposite orders: each waits for the other, if any
        barrier.wait()
        by = "local/m@1" if origin == "model" else None
        client.register(f"local/{origin}", Digested(mine), origin=origin, model=by)  # type: ignore[arg-type]

    for writer in [pool.submit(write, origin) for origin in ("human", "model")]:
        writer.result(timeout=PATIENCE_SECONDS)


def prepare(registry: Registry) -> Client:
    client = registry.client()
    model(client, "local/m@1")
    for name in ("local/human", "local/model"):
        client.put_dataset(name)
    return client


def all_contested(client: Client, items: Digests) -> bool:
    verdicts = client.lookup(items).verdict
    mix = client.create_mix(Recipe(parts=[Part(verdict_in=["human", "model"])]), dry_run=True)
    return bool((verdicts == CONTESTED).all()) and mix.items == 0


@pytest.mark.slow
@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_two_writers_of_the_same_digests_contest_every_one_fifty_times(registry: Registry) -> None:
    client = prepare(registry)
    random = np.random.default_rng(0)
    with ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            items = random.integers(0, 256, (ITEMS, 32), dtype=np.uint8)
            at_once(registry, items, pool)
            assert (client.lookup(items).verdict == CONTESTED).all(), f"round {number}"
    print(f"\n{ROUNDS} rounds, two writers of the same {ITEMS:,} digests: {ROUNDS * ITEMS:,} contested in look-ups")
    recipe = Recipe(parts=[Part(verdict_in=["human", "model"])])
    with Client(registry.url, registry.api_key, timeout=600) as patient:  # judges a quarter of a million, one by one
        assert patient.create_mix(recipe, dry_run=True).items == 0


@on_both
def test_two_writers_of_the_same_digests_contest_every_one(registry: Registry) -> None:
    client = prepare(registry)
    with ThreadPoolExecutor(2) as pool:
        for number in range(5):
            items = digests(range(1_000 * number, 1_000 * (number + 1)))
            at_once(registry, items, pool)
            assert all_contested(client, items)


@on_both
def test_a_dispute_and_a_registration_at_once_miss_nothing(registry: Registry) -> None:
    """The items of the new registration that the disputed one claims too must not pass for undisputed."""
    client, other = registry.client(), registry.join("other")
    client.put_dataset("local/later")
    for number in range(10):
        items = digests(range(500 * number, 500 * (number + 1)))
        disputed, barrier = register(client, items, "human"), Barrier(2)

        def dispute(id_: int = disputed.id, barrier: Barrier = barrier) -> None:
            barrier.wait()
            other.dispute(id_)

        def again(items: Digests = items, barrier: Barrier = barrier) -> None:
            barrier.wait()
            client.register("local/later", Digested(items), origin="human")

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(dispute), pool.submit(again)]:
                done.result(timeout=PATIENCE_SECONDS)
    assert client.create_mix(Recipe(parts=[Part(verdict_in=["human"])]), dry_run=True).items == 0


@on_both
def test_positions_are_gapless_in_commit_order_under_many_writers(registry: Registry) -> None:
    client = registry.client()
    client.put_dataset("local/texts")

    def write(worker: int) -> list[int]:
        mine = registry.client()
        made = []
        for number in range(10):
            (registration,) = mine.register("local/texts", Digested(digests([100 * worker + number])), origin="human")
            made.append(registration.id)
        return made

    with ThreadPoolExecutor(12) as pool:
        made_positions = [position for made in pool.map(write, range(12)) for position in made]
    positions = [statement.position for statement in client.statements()]
    assert positions == list(range(1, len(positions) + 1))
    assert len(set(made_positions)) == 120
    assert client.statistics().now.claims == 120


@on_both
def test_slow_uploads_hold_no_connection(registry: Registry) -> None:
    """More uploads than places wait without a database connection; readers go on, and one too many is told to wait."""
    client = registry.client()
    register(client, digests(range(10)), "human")
    host, port = registry.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/datasets/local/texts/registrations?origin=human HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {registry.api_key}\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 320000\r\n\r\n"
    )
    uploads = [socket.create_connection((host, int(port))) for _ in range(30)]
    try:
        for upload in uploads:
            upload.sendall(head.encode() + bytes(32))

        def answered() -> list[socket.socket]:
            return select.select(uploads, [], [], 0)[0]

        too_many = 30 - (registry.settings.bulk_slots - 1)  # the last place is kept for another organization
        wait_until(lambda: len(answered()) >= too_many, "the uploads that find no place are answered")
        answers = [upload.recv(4096, socket.MSG_PEEK) for upload in answered()]
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 503"] * too_many
        assert client.lookup(digests(range(10))).verdict.tolist() == [1] * 10
    finally:
        for upload in uploads:
            upload.close()
    assert client.statistics().now.claims == 10
