"""Do the same tasks in two registries. One has ten times as many items as the other. The times should be equal."""

from collections.abc import Callable, Iterator
from time import perf_counter

from benchmarks.bare.inputs import half_known, random_digests
from benchmarks.harness.bench import Bench, FilledRegistry
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from benchmarks.registry.bulk_registration import register
from firsthand import Digested, Part, Recipe
from firsthand.core.digests import Digests, sort_unique

_TARGET = Target("ratio", "<=", 1.6)
_RAW = "application/octet-stream"


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure the seconds of each task in the larger registry, with the smaller registry as the baseline.

    The mix is selected from a dataset that has the same size in both registries, because a mix from all items would be
    ten times the work.
    """
    small, large = (bench.half_human(items) for items in bench.sizes.held)
    two_batches, digests = 2 * bench.sizes.batch, bench.sizes.lookup_batch * bench.sizes.look_ups
    for registry in (small, large):
        registry.client.put_dataset("local/one")
        items = Digested(random_digests(two_batches, bench.generator))
        registry.client.register("local/one", items, origin="human", batch=bench.sizes.batch)

    def register_new(registry: FilledRegistry, _: int) -> float:
        new = random_digests(two_batches, bench.generator)
        return register(registry.served, new, bench.sizes.batch, _RAW)

    def look_up(registry: FilledRegistry, _: int) -> float:
        batches = half_known(registry.digests, bench.sizes.lookup_batch, bench.sizes.look_ups, bench.generator)
        started = perf_counter()
        for batch in batches:
            registry.client.lookup(batch)
        return perf_counter() - started

    def mix(registry: FilledRegistry, seed: int) -> float:
        part = Part(datasets=["local/one"], size=bench.sizes.batch // 2)
        started = perf_counter()
        registry.client.create_mix(Recipe(seed=seed, parts=[part]))
        return perf_counter() - started

    tasks: dict[str, Callable[[FilledRegistry, int], float]] = {
        f"register {two_batches:,}": register_new,
        f"look up {digests:,}": look_up,
        f"mix of {bench.sizes.batch // 2:,} from {two_batches:,}": mix,
    }
    note = f"baseline: a registry of {len(small.digests):,}"
    for name, task in tasks.items():
        baselines, values = alternate(
            bench.sizes.times,
            lambda number, task=task: task(small, number),  # type: ignore[misc]
            lambda number, task=task: task(large, number),  # type: ignore[misc]
        )
        full_name = f"{name}, registry of {len(large.digests):,}"
        yield BenchmarkRow(full_name, bench.database, values, "s", baselines, _TARGET, note)
    yield _bare(bench, small.digests, large.digests)


def _bare(bench: Bench, small: Digests, large: Digests) -> BenchmarkRow:
    """Register with the bare driver in tables of both sizes. The ratio of the registry cannot be lower than this ratio.

    Both sizes use the same tables, one after the other, so the rounds do not alternate.
    """
    driver, connection, _ = bench.bare()

    def register_new(_: int) -> float:
        new = random_digests(2 * bench.sizes.batch, bench.generator)
        seconds: float = driver.register(connection, new, bench.sizes.batch)
        return seconds

    def measure(held: Digests) -> tuple[float, ...]:
        driver.create(connection)
        driver.fill(connection, sort_unique(held)[0])
        return alternate(bench.sizes.times, register_new)[0]

    baselines, values = measure(small), measure(large)
    task = f"register {2 * bench.sizes.batch:,}, bare tables of {len(large):,}"
    note = f"baseline: bare tables of {len(small):,}"
    return BenchmarkRow(task, bench.database, values, "s", baselines, None, note)
