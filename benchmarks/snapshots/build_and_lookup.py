"""Measure a snapshot of all items of a registry: build time, size, and look-ups on one core."""

from collections.abc import Iterator
from time import perf_counter

from benchmarks.bare.inputs import random_digests
from benchmarks.harness.bench import Bench, register_human
from benchmarks.harness.memory import MemoryWatch
from benchmarks.harness.report import BenchmarkRow, Target
from firsthand import Snapshot
from firsthand.core.digests import Digests
from firsthand.core.verdicts import UNKNOWN

_DIGESTS = 1_000_000


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure the build, the size and look-ups.

    An item is registered before each build, because a request for an existing snapshot builds nothing.
    """
    registry = bench.half_human(bench.sizes.pool)
    held, name = len(registry.digests), f"snapshot of {len(registry.digests):,}"

    def build() -> float:
        register_human(registry.client, random_digests(1, bench.generator))
        started = perf_counter()
        registry.client.create_snapshot(bits=12)
        return perf_counter() - started

    with MemoryWatch(registry.served.pid, registry.idle) as watch:
        seconds = tuple(build() for _ in range(bench.sizes.times))
    note = f"memory {watch.over_idle / 1e6:,.0f} MB above idle"
    yield BenchmarkRow(f"{name}: build", bench.database, seconds, "s", (), Target("value", "<=", 60.0), note)

    manifest = registry.client.pull_snapshot(bench.folder / "snapshot")
    size = (manifest.bytes / manifest.items,)
    yield BenchmarkRow(
        f"{name}: size", bench.database, size, "bytes/item", (), Target("value", "<=", 2.3), "12 bits per item"
    )

    snapshot = Snapshot.open(bench.folder / "snapshot")
    digests = random_digests(min(_DIGESTS, 2 * held), bench.generator)
    digests[::2] = registry.digests[: len(digests[::2])]
    rates = tuple(_look_up(snapshot, digests) for _ in range(bench.sizes.times))
    note = "half of the digests known, one thread, no network"
    yield BenchmarkRow(f"{name}: look up", bench.database, rates, "items/s", (), Target("value", ">=", 8e6), note)


def _look_up(snapshot: Snapshot, digests: Digests) -> float:
    """Return the digests per second. Raises RuntimeError if a registered digest (every second one) is unknown."""
    started = perf_counter()
    verdicts, _ = snapshot.lookup(digests)
    seconds = perf_counter() - started
    if (verdicts[::2] == UNKNOWN).any():
        raise RuntimeError("the verdict on a registered item is unknown; the snapshot is wrong")
    return len(digests) / seconds
