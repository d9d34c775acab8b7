"""The same work where little is held and where ten times as much is: the cost follows the work."""

from collections.abc import Callable, Iterator
from time import perf_counter

from benchmarks.bare.drawing import draw, half_known
from benchmarks.bench import Bench, Held
from benchmarks.registering import register
from benchmarks.rows import Bar, Row, alternately
from firsthand.digests import Digests

_MOST_TIMES = Bar("ratio", "<=", 1.6)
_RAW = "application/octet-stream"


def rows(bench: Bench) -> Iterator[Row]:
    """Seconds of each work on the larger registry, and as the baseline on the smaller, one after the other.

    A mix reads what it may take from, so the work is the same where its part of the pool is: here both take the same
    number of items, and the mix is of a tenth of the smaller.
    """
    small, large = (bench.half_human(items) for items in bench.sizes.held)
    works: dict[str, Callable[[Held, int], float]] = {
        f"register {2 * bench.sizes.batch:,}": lambda held, _: _register(bench, held),
        f"look up {bench.sizes.asked * bench.sizes.look_ups:,}": lambda held, _: look_up(
            held, half_known(held.digests, bench.sizes.asked, bench.sizes.look_ups, bench.generator)
        ),
    }
    for name, work in works.items():
        once = (lambda number, work=work, held=held: work(held, number) for held in (small, large))
        baselines, values = alternately(bench.sizes.times, *once)
        note = f"the baseline is the same at {len(small.digests):,} held"
        work_name = f"{name} at {len(large.digests):,} held"
        yield Row(work_name, bench.database, values, "s", baselines, _MOST_TIMES, note)


def _register(bench: Bench, held: Held) -> float:
    return register(held.address, draw(2 * bench.sizes.batch, bench.generator), bench.sizes.batch, _RAW)


def look_up(held: Held, batches: list[Digests]) -> float:
    """Seconds to look up batches of `uint8[n, 32]`, one request each."""
    started = perf_counter()
    for batch in batches:
        held.client.lookup(batch)
    return perf_counter() - started
