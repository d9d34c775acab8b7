"""One item at a time from 32 places at once: by a Recorder, in batches of statements, and posted singly.

Client and server are on one machine. A rate is of items acknowledged by the registry, from the first add to the last
answer. A Recorder makes one registration of what has gathered; a batch has a registration for each item.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row, alternately
from firsthand import Client, Recorder
from firsthand.core.digests import digest_text, to_text
from firsthand.schemas.registrations import NewStatement

CONNECTIONS = 32


def rows(bench: Bench) -> Iterator[Row]:
    """All three in turn on one registry; every round and place has texts of its own."""
    sizes = bench.sizes
    counts = [max(1, count // CONNECTIONS) for count in (sizes.recorded, sizes.recorded // 6, sizes.singly)]
    with bench.registry() as held:
        client = held.client
        client.put_dataset("local/texts", profile="text-1")
        recorded, batched, single = alternately(
            sizes.times,
            lambda number: by_recorder(client, f"{number}r", counts[0]),
            lambda number: _rate(lambda place: _in_batches(client, f"{number}b{place}", counts[1]), counts[1]),
            lambda number: _rate(lambda place: _singly(client, f"{number}s{place}", counts[2]), counts[2]),
        )
    work, of = "one-item registrations", f"from {CONNECTIONS} places"
    yield Row(f"{work}, Recorder", bench.database, recorded, "items/s", (), Bar("figure", ">=", 20_000.0), of)
    yield Row(f"{work}, batches of 300", bench.database, batched, "items/s", (), None, f"{of}, a registration an item")
    yield Row(f"{work}, posted singly", bench.database, single, "items/s", (), None, f"{of}, a request an item")


def by_recorder(client: Client, name: str, count: int) -> float:
    """Items a second by one recorder for all places, `count` each."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(client, model="local/m@1", dataset="local/texts", spool=folder, seconds=0.5)

        def add(place: int) -> None:
            for text in _texts(f"{name}{place}", count):
                recorder.add(text)

        rate = _rate(add, count, lambda: recorder.close(300.0))
    if recorder.counts.sent != CONNECTIONS * count:
        raise RuntimeError(f"of {CONNECTIONS * count:,} items, the recorder has {recorder.counts}")
    return rate


def _texts(name: str, count: int) -> Iterator[str]:
    rest = "patterns that an engine weaves, " * 8
    return (f"Answer {number} of {name}: {rest}" for number in range(count))


def _in_batches(client: Client, name: str, count: int) -> None:
    """Bodies of 300 statements: under 64 KiB, so that they need no place among the bulk bodies."""
    digests = [to_text(digest_text(text)) for text in _texts(name, count)]
    said = {"dataset": "local/texts", "origin": "model", "model": "local/m@1"}
    statements = [NewStatement.model_validate({**said, "digests": [digest]}) for digest in digests]
    for start in range(0, count, 300):
        outcomes = client.register_batch(statements[start : start + 300])
        if any(done.refused for done in outcomes):
            raise RuntimeError(f"a statement was refused: {outcomes}")


def _singly(client: Client, name: str, count: int) -> None:
    for text in _texts(name, count):
        client.register("local/texts", [text], origin="model", model="local/m@1", profile="text-1")


def _rate(work: Callable[[int], object], count: int, finish: Callable[[], object] = lambda: None) -> float:
    """Items a second that 32 places get registered, `count` each."""
    started = perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(work, range(CONNECTIONS)))
    finish()
    return CONNECTIONS * count / (perf_counter() - started)
