"""The baselines store the right rows and give the right responses, on both databases."""

import hashlib
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest

from benchmarks.bare import inputs, lines, parquet, routes, sqlite
from benchmarks.bare import postgresql as bare_postgresql
from benchmarks.bare.baselines import BaselineResult, Baselines, main, print_results
from benchmarks.harness import http_load, limits
from benchmarks.harness.memory import MemoryWatch
from benchmarks.harness.sizes import Sizes
from firsthand.core.digests import sort_unique


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Any, str]]:
    """The module of a database, a connection to it with empty tables, and where it is."""
    if request.param == "sqlite":
        with sqlite.connected(tmp_path / "bare.sqlite") as file:
            sqlite.create(file)
            yield sqlite, file, str(tmp_path / "bare.sqlite")
        return
    with (
        bare_postgresql.database(request.getfixturevalue("postgresql")) as address,
        bare_postgresql.connect(address) as own,
    ):
        bare_postgresql.create(own)
        yield bare_postgresql, own, address


def rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    return list(connection.execute(query).fetchall())


def test_registering_stores_claims_blocks_and_a_statement_a_batch(
    bare: tuple[Any, Any, str], generator: np.random.Generator
) -> None:
    module, connection, _ = bare
    new = inputs.random_digests(250, generator)
    assert module.register(connection, new, 100) > 0
    assert sorted(rows(connection, "SELECT registration, count(*) FROM claims GROUP BY 1")) == [
        (1, 100),
        (2, 100),
        (3, 50),
    ]
    stored = rows(connection, "SELECT digests FROM blocks ORDER BY registration")
    assert [digests for (digests,) in stored] == [sort_unique(new[i : i + 100])[0].tobytes() for i in (0, 100, 200)]
    for canonical, digest in rows(connection, "SELECT canonical, digest FROM statements"):
        assert hashlib.sha256(canonical).digest() == digest
    assert rows(connection, "SELECT * FROM overlapping") == []


def test_an_item_registered_again_with_another_origin_is_an_overlap(
    bare: tuple[Any, Any, str], generator: np.random.Generator
) -> None:
    module, connection, _ = bare
    new = inputs.random_digests(100, generator)
    module.register(connection, new, 50)
    module.register(connection, new[:30], 50, "human")
    assert rows(connection, "SELECT count(*) FROM overlapping") == [(0,)]
    module.register(connection, new[20:40], 50, "model")
    overlapping = {digest for (digest,) in rows(connection, "SELECT digest FROM overlapping")}
    assert overlapping == {digest.tobytes() for digest in new[20:40]}
    assert rows(connection, "SELECT count(*) FROM claims") == [(150,)]


def test_a_registration_of_more_than_a_block_is_split(generator: np.random.Generator) -> None:
    ordered, _ = sort_unique(inputs.random_digests(inputs.BLOCK + 5, generator))
    stored = inputs.blocks(ordered)
    assert [(number, len(digests)) for number, digests in stored] == [(0, 32 * inputs.BLOCK), (1, 160)]
    assert b"".join(digests for _, digests in stored) == ordered.tobytes()


def test_a_look_up_finds_every_held_digest_and_no_other(
    bare: tuple[Any, Any, str], generator: np.random.Generator
) -> None:
    module, connection, _ = bare
    held, _ = sort_unique(inputs.random_digests(500, generator))
    module.fill(connection, held, registrations=7)
    batches = inputs.half_known(held, 101, 3, generator)
    expected = {digest.tobytes(): row % 7 + 1 for row, digest in enumerate(held)}
    for batch in batches:
        claims = module.find(connection, batch)
        assert len(claims) == 51
        assert all(expected[bytes(digest)] == registration for digest, registration in claims)
    assert module.look_up(connection, batches) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["def", "async"])
def test_both_routes_answer_with_the_registrations_of_an_item(
    bare: tuple[Any, Any, str], generator: np.random.Generator, kind: Any
) -> None:
    module, connection, where = bare
    held, _ = sort_unique(inputs.random_digests(20, generator))
    module.fill(connection, held)
    with routes.served(getattr(routes, f"{module.__name__.rsplit('.')[-1]}_{kind}"), where) as port:
        paths = [f"/v1/items/{digest.tobytes().hex()}" for digest in held]
        load = http_load.get(port, paths, connections=4, seconds=2, warm_up=0.1)
        with pytest.raises(RuntimeError, match="404"):
            http_load.get(port, ["/nowhere"], connections=2, seconds=60)
    assert load.responses
    assert 0 < load.p50 <= load.p99


@pytest.mark.slow
def test_the_load_client_counts_as_many_answers_as_the_server_gives() -> None:
    """A server that answers in two pieces, and counts."""
    served: list[bytes] = []

    class Slow(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n")
                self.wfile.write(b"\r\nfour")
                served.append(line)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        load = http_load.get(server.server_address[1], ["/a", "/b"], connections=3, seconds=2, warm_up=0)
        server.shutdown()
    assert 0.8 * len(served) <= load.responses <= len(served)  # the last ones come when the time is up
    assert {line.split()[1] for line in served} == {b"/a", b"/b"}


@pytest.mark.slow
def test_a_mix_by_duckdb_has_the_origins_asked_and_repeats_by_seed(
    tmp_path: Path, generator: np.random.Generator
) -> None:
    digests, human = inputs.random_digests(1000, generator), np.arange(1000) % 4 == 0
    parquet.write(tmp_path / "items.parquet", digests, human)
    origins = {digest.tobytes(): bool(is_human) for digest, is_human in zip(digests, human, strict=True)}

    def mix(seed: int) -> list[bytes]:
        selected, _ = parquet.mix(tmp_path / "items.parquet", {"human": 90, "model": 10}, seed)
        return [digest.tobytes() for digest in selected]

    assert [origins[digest] for digest in mix(1)] == [True] * 90 + [False] * 10
    assert len(set(mix(1))) == 100
    assert mix(1) == mix(1)
    assert mix(1) != mix(2)
    with pytest.raises(ValueError, match="fewer items"):
        parquet.mix(tmp_path / "items.parquet", {"human": 251}, 1)


@pytest.mark.slow
def test_lines_are_read_and_hashed_under_each_profile(tmp_path: Path, generator: np.random.Generator) -> None:
    lines.write(tmp_path / "lines.jsonl", 20, generator)
    digests, _ = lines.read_and_hash(tmp_path / "lines.jsonl", ("text-1", "bytes-1"))
    texts = [json.loads(line)["text"] for line in (tmp_path / "lines.jsonl").read_bytes().splitlines()]
    assert digests[1::2] == [hashlib.sha256(text.encode()).digest() for text in texts]
    assert len(set(digests)) == 20  # plain text is its own canonical form


def test_the_watch_sees_memory_that_is_gone_again() -> None:
    with MemoryWatch() as watch:
        held = np.ones(4_000_000)
        sleep(0.2)  # short: ten samples of the watch
        del held
    assert 30e6 < watch.over_idle < 100e6


def test_a_baseline_is_compared_with_the_limit_of_its_own_size() -> None:
    rate = BaselineResult("look up", "sqlite", 1_000_000, (100_000.0, 500_000.0, 400_000.0), "items/s")
    assert (rate.value, rate.verdict) == (400_000, "pass")
    assert BaselineResult("look up", "sqlite", 1_000_000, (360_000.0,), "items/s").verdict == "miss"
    assert BaselineResult("look up", "sqlite", 999, (360_000.0,), "items/s").verdict == "-"
    quick = BaselineResult("mix", "duckdb", 10_000_000, (0.535,), "s")
    assert quick.share == pytest.approx(2)


def test_every_limit_belongs_to_a_size_that_is_measured() -> None:
    sizes = Sizes()
    assert {size for _, _, size in limits.LIMITS} <= {sizes.new, *sizes.held, sizes.pool}


def test_the_table_has_a_row_for_each_work_on_each_database(
    postgresql: str, tmp_path: Path, generator: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = Sizes(200, 100, (300, 600), 20, 2, 2000, 100, 10, seconds=2, lines=50, times=2)
    with bare_postgresql.database(postgresql) as address:
        results = print_results(Baselines(sizes, tmp_path, address, generator).all())
    tasks = [(result.task, result.size) for result in results if result.driver == "postgresql"]
    assert tasks == [("register", 200), ("look up", 300), ("get, def", 300), ("get, async", 300), ("look up", 600)]
    assert tasks == [(result.task, result.size) for result in results if result.driver == "sqlite"]
    assert [result.size for result in results if result.driver == "json"] == [50, 50]
    assert all(value > 0 for result in results for value in result.values)
    assert {result.verdict for result in results} == {"-"}
    assert capsys.readouterr().out.count("items/s") == 6


def test_an_unknown_option_is_refused_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--slow"])
    assert "--slow" in capsys.readouterr().err
