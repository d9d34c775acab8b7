"""Build a mix from a small dataset in two registries: in one of them, other items have contradicting claims."""

from collections.abc import Iterator
from time import perf_counter

from benchmarks.bare.inputs import random_digests
from benchmarks.harness.bench import Bench, FilledRegistry
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from firsthand import Digested, Part, Recipe

_TARGET = Target("ratio", "<=", 2.0)


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure the mix in both registries. Contradictions about other items must not make it much slower."""
    mine, theirs = max(10, bench.sizes.pool // 10_000), max(20, bench.sizes.pool // 50)
    with bench.registry() as quiet, bench.registry() as contested:
        own = Digested(random_digests(mine, bench.generator))
        for registry in (quiet, contested):
            registry.client.register("local/d", own, origin="human")
        others = Digested(random_digests(theirs, bench.generator))
        contested.client.put_dataset("local/theirs")
        contested.client.register("local/theirs", others, origin="human")
        contested.client.register("local/theirs", others, origin="model", model="local/m@1")
        baselines, values = alternate(
            max(3, bench.sizes.times), lambda seed: _seconds(quiet, seed), lambda seed: _seconds(contested, seed)
        )
    task = f"mix from {mine:,} items, next to {theirs:,} overlaps"
    yield BenchmarkRow(task, bench.database, values, "s", baselines, _TARGET, "baseline: a registry without overlaps")


def _seconds(registry: FilledRegistry, seed: int) -> float:
    """Return the mean seconds of ten mixes, which are not stored."""
    part = Part(verdict_in=["human"], datasets=["local/d"])
    started = perf_counter()
    for number in range(10):
        registry.client.create_mix(Recipe(seed=10 * seed + number, parts=[part]), dry_run=True)
    return (perf_counter() - started) / 10
