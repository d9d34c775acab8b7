"""The server killed while twenty clients register: what was acknowledged is whole, nothing is half, no gap."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.harness.served_registry import serve
from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand import Client, errors
from firsthand.core.digests import Digests, to_bytes
from firsthand.core.verdicts import IS_HUMAN
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Part, Recipe
from service.organizations import store as organizations
from service.settings import Settings
from service.storage.engine import Database
from tests.conftest import on_both
from tests.factories import digests
from tests.service.processes import environment_of, wait_for_size

pytestmark = pytest.mark.slow

CLIENTS, ITEMS = 20, 400
#: So many, and the server is killed with all clients in the middle of their next.
ACKNOWLEDGED = 40


def key_of(settings: Settings) -> str:
    database = Database(settings)
    with database.writes() as session:
        organizations.create(session, "local", "")
        _, key = organizations.issue_key(session, "local", "tests", ["read", "write", "admin", "operator"])
    database.close()
    return key


def batch(worker: int, number: int) -> Digests:
    """Half of a worker's own, half shared with all: so that writers meet."""
    own = [1_000_000 * (worker + 1) + ITEMS * number + i for i in range(ITEMS // 2)]
    return digests([*own, *range(ITEMS // 2 * (number % 5), ITEMS // 2 * (number % 5 + 1))])


def register_until_cut(url: str, key: str, worker: int, acknowledged: dict[int, tuple[int, int]]) -> None:
    """Adds {position: (worker, number)} of what is acknowledged before the line is cut."""
    with Client(url, key, retries=0) as client:
        for number in range(10_000):
            try:
                (made,) = client.register("local/texts", Digested(batch(worker, number)), origin="human")
            except errors.Busy:
                continue
            except errors.Unreachable:
                return
            acknowledged[made.id] = (worker, number)


@on_both
def test_after_a_kill_every_acknowledged_registration_is_whole_and_none_is_half(
    empty_database: Settings, tmp_path: Path
) -> None:
    environment = {**environment_of(empty_database), "FIRSTHAND_THREADS": "24"}
    key = key_of(empty_database)
    acknowledged: dict[int, tuple[int, int]] = {}
    kills = 3
    for kill in range(kills):
        with serve(tmp_path / "work", **environment) as server, ThreadPoolExecutor(CLIENTS) as pool:
            with Client(server.url, key) as client:
                client.put_dataset("local/texts")
            numbers = range(CLIENTS * kill, CLIENTS * (kill + 1))
            workers = [pool.submit(register_until_cut, server.url, key, n, acknowledged) for n in numbers]
            wait_for_size(acknowledged, ACKNOWLEDGED * (kill + 1))
            server.kill()
            for worker in workers:
                worker.result(timeout=PATIENCE_SECONDS)
    with serve(tmp_path / "work", **environment) as server, Client(server.url, key) as client:
        check(client, acknowledged)
    print(f"\n{kills} kills, {CLIENTS} clients: {len(acknowledged)} acknowledged registrations, all whole")
    assert len(acknowledged) >= ACKNOWLEDGED * kills


def check(client: Client, acknowledged: dict[int, tuple[int, int]]) -> None:
    statements = list(client.statements())
    assert [statement.position for statement in statements] == list(range(1, len(statements) + 1))
    stored = {s.position for s in statements if s.kind == "registration"}
    assert set(acknowledged) <= stored
    everything: set[bytes] = set()
    for position in stored:  # those that were committed and not acknowledged are whole too
        made = client.registration(position)
        items = client.registration_digests(position)
        assert len(items) == made.items == ITEMS
        assert (client.lookup(items).verdict == IS_HUMAN).all()
        everything.update(to_bytes(items))
    for position, (worker, number) in acknowledged.items():
        assert set(to_bytes(client.registration_digests(position))) == set(to_bytes(batch(worker, number)))
    counted = client.create_mix(Recipe(parts=[Part()]), dry_run=True)
    assert counted.items == len(everything)  # no claim and no block of what was never committed
    assert client.statistics().now.claims == ITEMS * len(stored)
