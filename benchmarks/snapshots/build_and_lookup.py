"""A snapshot of everything held: how long it is built, how large it is, how fast it answers on one core."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from benchmarks.bare.drawing import draw
from benchmarks.harness.bench import Bench, Held, human
from benchmarks.harness.memory import Watch
from benchmarks.harness.rows import Bar, Row
from firsthand import Snapshot
from firsthand.core.verdicts import UNKNOWN

_ASKED = 1_000_000


def rows(bench: Bench) -> Iterator[Row]:
    """Built anew each time: an item is registered before, for a snapshot that is there already is only answered."""
    held = bench.half_human(bench.sizes.pool)
    name = f"snapshot of {len(held.digests):,}"
    with Watch(held.served.pid, held.idle) as watch:
        built = tuple(_build(bench, held) for _ in range(bench.sizes.times))
    note = f"memory {watch.over_idle / 1e6:,.0f} MB over idle"
    yield Row(f"{name}: build", bench.database, built, "s", (), Bar("figure", "<=", 60.0), note)
    known = held.client.pull_snapshot(bench.folder / "snapshot")
    size = known.bytes / known.items
    yield Row(f"{name}: size", bench.database, (size,), "bytes/item", (), Bar("figure", "<=", 2.3), "12 bits")
    snapshot = Snapshot.open(bench.folder / "snapshot")
    asked = draw(min(_ASKED, 2 * len(held.digests)), bench.generator)
    asked[::2] = held.digests[: len(asked[::2])]
    rates = tuple(_look_up(snapshot, asked) for _ in range(bench.sizes.times))
    bar = Bar("figure", ">=", 8e6)
    yield Row(f"{name}: look up", bench.database, rates, "items/s", (), bar, "half known, one thread, without network")


def _build(bench: Bench, held: Held) -> float:
    human(held.client, draw(1, bench.generator))
    started = perf_counter()
    held.client.create_snapshot()
    return perf_counter() - started


def _look_up(snapshot: Snapshot, asked: np.ndarray) -> float:
    started = perf_counter()
    found, _ = snapshot.lookup(asked)
    seconds = perf_counter() - started
    if (found[::2] == UNKNOWN).any():
        raise RuntimeError("a snapshot does not know an item that it holds")
    return len(asked) / seconds
