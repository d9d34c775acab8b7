"""Mixes over HTTP, built and exported as raw digests, beside DuckDB over a Parquet file of the same items."""

import importlib.util
import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np
import numpy.typing as npt

from benchmarks.bare import parquet
from benchmarks.harness.bench import Bench, Held, rare
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.memory import Watch
from benchmarks.harness.rows import Bar, Row, alternately
from firsthand import Part, Recipe

_MOST_SECONDS = Bar("ratio", "<=", 1.0)
_MOST_MEMORY = Bar("figure", "<=", 400.0)


def rows(bench: Bench) -> Iterator[Row]:
    """90 % human out of a pool that is half human; human items alone where they are rare."""
    sizes = bench.sizes
    if not importlib.util.find_spec("duckdb"):
        print("mixes are left out: DuckDB is not installed (pip install --group dev)", file=sys.stderr)
        return
    human = sizes.mix * 9 // 10
    half = bench.half_human(sizes.pool)
    even = np.arange(sizes.pool) % 2 == 0
    yield from _mixing(bench, "90 % human", half, even, {"human": human, "model": sizes.mix - human})
    hundredth = bench.one_in_a_hundred()
    yield from _mixing(bench, "human 1 % of the pool", hundredth, rare(sizes.pool), {"human": sizes.rare})


def _mixing(bench: Bench, name: str, held: Held, human: npt.NDArray[np.bool_], counts: dict[str, int]) -> Iterator[Row]:
    path = bench.folder / "items.parquet"
    parquet.write(path, held.digests, human)
    with Watch(held.served.pid, held.idle) as watch:
        baselines, values = alternately(
            bench.sizes.times,
            lambda seed: parquet.mix(path, counts, seed)[1],
            lambda seed: mix(held, counts, seed),
        )
    work = f"mix of {sum(counts.values()):,} out of {len(held.digests):,}, {name}"
    note, limit = "built and exported as raw digests", LIMITS.get(("mix", "duckdb", len(held.digests)))
    if "model" not in counts:
        limit = None  # of the rare ones nobody measured one
    yield Row(work, bench.database, values, "s", baselines, _MOST_SECONDS, note, limit)
    yield Row(f"{work}: memory", bench.database, (watch.over_idle / 1e6,), "MB", (), _MOST_MEMORY, "over idle")


def mix(held: Held, counts: dict[str, int], seed: int) -> float:
    """Seconds until a mix of so many items of each verdict is built and its digests are here."""
    parts = [Part.model_validate({"verdict_in": [verdict], "size": size}) for verdict, size in counts.items()]
    started = perf_counter()
    built = held.client.create_mix(Recipe(seed=seed, parts=parts))
    assert built.id is not None
    items = sum(len(digests) for digests in held.client.mix_digests(built.id))
    seconds = perf_counter() - started
    if items != sum(counts.values()):
        raise RuntimeError(f"a mix of {counts} came as {items:,} items")
    return seconds
