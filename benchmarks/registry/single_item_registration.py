"""Register single items from 32 threads: with a Recorder, with `Client.register_batch`, and with one request per item.

Client and server are on the same machine. A rate counts the items that the registry has acknowledged, from the first
call to the last response. A Recorder sends all waiting items as one registration; a batch has one registration per
item.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from firsthand import Client, Recorder
from firsthand.core.digests import digest_text, to_text
from firsthand.schemas.registrations import NewStatement

THREADS = 32


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure all three in turn on one registry. Each round and each thread has different texts."""
    sizes = bench.sizes
    recorded, batched, single = (
        max(1, count // THREADS) for count in (sizes.recorded, sizes.recorded // 6, sizes.singly)
    )
    with bench.registry() as registry:
        client = registry.client
        client.put_dataset("local/texts", profile="text-1")
        rates = alternate(
            sizes.times,
            lambda number: by_recorder(client, f"{number}r", recorded),
            lambda number: _rate(lambda thread: _in_batches(client, f"{number}b{thread}", batched), batched),
            lambda number: _rate(lambda thread: _singly(client, f"{number}s{thread}", single), single),
        )
    for name, values, target, note in (
        ("Recorder", rates[0], Target("value", ">=", 20_000.0), "one registration for all waiting items"),
        ("batches of 300", rates[1], None, "one registration per item"),
        ("one request per item", rates[2], None, "one registration per item"),
    ):
        task = f"register single items, {name}"
        yield BenchmarkRow(task, bench.database, values, "items/s", (), target, f"{THREADS} threads, {note}")


def by_recorder(client: Client, name: str, count: int) -> float:
    """Return the items per second of one Recorder that all threads share. Each thread adds `count` items."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(client, model="local/m@1", dataset="local/texts", spool=folder, seconds=0.5)

        def add(thread: int) -> None:
            for text in _texts(f"{name}{thread}", count):
                recorder.add(text)

        rate = _rate(add, count, lambda: recorder.close(300.0))
    if recorder.counts.sent != THREADS * count:
        raise RuntimeError(f"the recorder has not sent all {THREADS * count:,} items: {recorder.counts}")
    return rate


def _texts(name: str, count: int) -> Iterator[str]:
    filler = "patterns that an engine weaves, " * 8
    return (f"Answer {number} of {name}: {filler}" for number in range(count))


def _in_batches(client: Client, name: str, count: int) -> None:
    """Register in bodies of 300 statements. They are smaller than 64 KiB, so they need no slot for bulk uploads."""
    statements = [
        NewStatement(dataset="local/texts", origin="model", model="local/m@1", digests=[to_text(digest_text(text))])
        for text in _texts(name, count)
    ]
    for start in range(0, count, 300):
        outcomes = client.register_batch(statements[start : start + 300])
        if any(outcome.refused for outcome in outcomes):
            raise RuntimeError(f"the registry refused a statement: {outcomes}")


def _singly(client: Client, name: str, count: int) -> None:
    for text in _texts(name, count):
        client.register("local/texts", [text], origin="model", model="local/m@1", profile="text-1")


def _rate(work: Callable[[int], object], count: int, finish: Callable[[], object] = lambda: None) -> float:
    """Return the items per second of all threads together. Each thread registers `count` items."""
    started = perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    finish()
    return THREADS * count / (perf_counter() - started)
