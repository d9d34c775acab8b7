"""A mix from a small dataset of a registry in which others contradict each other, beside one in which nobody does."""

from collections.abc import Iterator
from time import perf_counter

from benchmarks.bare.drawing import draw
from benchmarks.harness.bench import Bench, Held
from benchmarks.harness.rows import Bar, Row, alternately
from firsthand import Client, Digested, Part, Recipe

_MOST = Bar("ratio", "<=", 2.0)


def rows(bench: Bench) -> Iterator[Row]:
    """One row: what others claim twice must not cost who draws from items of its own."""
    mine, theirs = max(10, bench.sizes.pool // 10_000), max(20, bench.sizes.pool // 50)
    with bench.registry() as quiet, bench.registry() as contested:
        own = Digested(draw(mine, bench.generator))
        for held in (quiet, contested):
            held.client.register("local/d", own, origin="human")
        others = Digested(draw(theirs, bench.generator))
        contested.client.put_dataset("local/theirs")
        contested.client.register("local/theirs", others, origin="human")
        contested.client.register("local/theirs", others, origin="model", model="local/m@1")
        baselines, values = alternately(
            max(3, bench.sizes.times), lambda seed: _seconds(quiet, seed), lambda seed: _seconds(contested, seed)
        )
    work = f"mix of a dataset of {mine:,} beside {theirs:,} overlaps"
    yield Row(work, bench.database, values, "s", baselines, _MOST, "beside a registry without overlaps")


def _seconds(held: Held, seed: int) -> float:
    started = perf_counter()
    for number in range(10):
        _draw(held.client, 10 * seed + number)
    return (perf_counter() - started) / 10


def _draw(client: Client, seed: int) -> None:
    client.create_mix(Recipe(seed=seed, parts=[Part(verdict_in=["human"], datasets=["local/d"])]), dry_run=True)
