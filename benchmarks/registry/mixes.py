"""Build mixes over HTTP and download them as raw digests, compared with DuckDB on a Parquet file of the same items."""

import importlib.util
import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np
import numpy.typing as npt

from benchmarks.bare import parquet
from benchmarks.harness.bench import Bench, FilledRegistry, rare_humans
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.memory import MemoryWatch
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from firsthand import Part, Recipe

_SECONDS = Target("ratio", "<=", 1.0)
_MEGABYTES = Target("value", "<=", 400.0)


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure a mix that is 90 % human from a pool that is half human, and a mix of rare human items."""
    sizes = bench.sizes
    if not importlib.util.find_spec("duckdb"):
        print("mixes are not measured: install DuckDB (pip install --group dev)", file=sys.stderr)
        return
    human = sizes.mix * 9 // 10
    half = bench.half_human(sizes.pool)
    even = np.arange(sizes.pool) % 2 == 0
    yield from _compare(bench, "90 % human", half, even, {"human": human, "model": sizes.mix - human})
    hundredth = bench.one_in_a_hundred()
    yield from _compare(bench, "human items rare", hundredth, rare_humans(sizes.pool), {"human": sizes.rare})


def _compare(
    bench: Bench, name: str, registry: FilledRegistry, human: npt.NDArray[np.bool_], counts: dict[str, int]
) -> Iterator[BenchmarkRow]:
    path = bench.folder / "items.parquet"
    parquet.write(path, registry.digests, human)
    with MemoryWatch(registry.served.pid, registry.idle) as watch:
        baselines, values = alternate(
            bench.sizes.times,
            lambda seed: parquet.mix(path, counts, seed)[1],
            lambda seed: mix(registry, counts, seed),
        )
    task = f"mix of {sum(counts.values()):,} from {len(registry.digests):,}, {name}"
    note = "selected and downloaded as raw digests"
    # The limit was measured for mixes of both origins, not for rare human items.
    limit = LIMITS.get(("mix", "duckdb", len(registry.digests))) if "model" in counts else None
    yield BenchmarkRow(task, bench.database, values, "s", baselines, _SECONDS, note, limit)
    memory = (watch.over_idle / 1e6,)
    yield BenchmarkRow(f"{task}: memory", bench.database, memory, "MB", (), _MEGABYTES, "above idle")


def mix(registry: FilledRegistry, counts: dict[str, int], seed: int) -> float:
    """Build a mix and download its digests. Return the seconds. `counts` has the number of items of each verdict."""
    parts = [Part.model_validate({"verdict_in": [verdict], "size": size}) for verdict, size in counts.items()]
    started = perf_counter()
    built = registry.client.create_mix(Recipe(seed=seed, parts=parts))
    assert built.id is not None
    items = sum(len(digests) for digests in registry.client.mix_digests(built.id))
    seconds = perf_counter() - started
    if items != sum(counts.values()):
        raise RuntimeError(f"the downloaded mix has {items:,} items, not {counts}")
    return seconds
