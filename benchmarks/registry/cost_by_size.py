"""The same work where little is held and where ten times as much is: the cost follows the work."""

from collections.abc import Callable, Iterator
from time import perf_counter

from benchmarks.bare.drawing import draw, half_known
from benchmarks.harness.bench import Bench, Held
from benchmarks.harness.rows import Bar, Row, alternately
from benchmarks.registry.bulk_registration import register
from firsthand import Digested, Part, Recipe
from firsthand.core.digests import Digests, sort_unique

_MOST_TIMES = Bar("ratio", "<=", 1.6)
_RAW = "application/octet-stream"


def rows(bench: Bench) -> Iterator[Row]:
    """Seconds of each work in the larger registry and, as the baseline, in the smaller; one after the other.

    The mix is out of one dataset that both hold alike: a mix out of everything has ten times the work.
    """
    small, large = (bench.half_human(items) for items in bench.sizes.held)
    two, asked = 2 * bench.sizes.batch, bench.sizes.asked * bench.sizes.look_ups
    works: dict[str, Callable[[Held, int], float]] = {
        f"register {two:,}": lambda held, _: register(held.served, draw(two, bench.generator), bench.sizes.batch, _RAW),
        f"look up {asked:,}": lambda held, _: _look_up(bench, held),
        f"mix of {bench.sizes.batch // 2:,} out of {two:,}": lambda held, seed: _mix(bench, held, seed),
    }
    for held in (small, large):
        _one_dataset(bench, held)
    for name, work in works.items():
        baselines, values = alternately(
            bench.sizes.times,
            lambda number, work=work: work(small, number),  # type: ignore[misc]
            lambda number, work=work: work(large, number),  # type: ignore[misc]
        )
        work_name = f"{name} at {len(large.digests):,} held"
        note = f"the baseline is the same at {len(small.digests):,} held"
        yield Row(work_name, bench.database, values, "s", baselines, _MOST_TIMES, note)
    yield _bare(bench, small.digests, large.digests)


def _bare(bench: Bench, small: Digests, large: Digests) -> Row:
    """Registering by the bare driver, whose own growth the service's cannot be under."""
    module, connection, _ = bench.bare()

    def once(_: int) -> float:
        seconds: float = module.register(connection, draw(2 * bench.sizes.batch, bench.generator), bench.sizes.batch)
        return seconds

    def measured(held: Digests) -> tuple[float, ...]:
        module.create(connection)
        module.fill(connection, sort_unique(held)[0])
        return alternately(bench.sizes.times, once)[0]

    baselines, values = measured(small), measured(large)
    work = f"register {2 * bench.sizes.batch:,} at {len(large):,} held, bare driver"
    return Row(work, bench.database, values, "s", baselines, None, f"the baseline is the same at {len(small):,} held")


def _one_dataset(bench: Bench, held: Held) -> None:
    held.client.put_dataset("local/one")
    items = Digested(draw(2 * bench.sizes.batch, bench.generator))
    held.client.register("local/one", items, origin="human", batch=bench.sizes.batch)


def _look_up(bench: Bench, held: Held) -> float:
    batches = half_known(held.digests, bench.sizes.asked, bench.sizes.look_ups, bench.generator)
    started = perf_counter()
    for batch in batches:
        held.client.lookup(batch)
    return perf_counter() - started


def _mix(bench: Bench, held: Held, seed: int) -> float:
    part = Part(datasets=["local/one"], size=bench.sizes.batch // 2)
    started = perf_counter()
    held.client.create_mix(Recipe(seed=seed, parts=[part]))
    return perf_counter() - started
