"""A registry of many small registrations beside one of few large ones, which hold the same items.

The small ones, of ten items, are sent by `Client.register_batch`, 1,000 a body; the large ones, 100 of them, by
`Client.register`. Figures are of the many, baselines of the few: look-ups and mixes may take twice as long.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import perf_counter

import numpy as np

from benchmarks.bare.drawing import draw, half_known
from benchmarks.harness.bench import Bench, Held, human, settle, synthetic
from benchmarks.harness.memory import anonymous
from benchmarks.harness.rows import Bar, Row, alternately
from firsthand import Client, Part, Recipe
from firsthand.core.digests import Digests, to_bytes, to_text
from firsthand.schemas.registrations import NewStatement

_EACH = 10
_BODY = 1_000
_LARGE = 100
_READ = 300_000
_TWICE = Bar("ratio", "<=", 2.0)
_MEMORY = Bar("ratio", "<=", 1.5)


def rows(bench: Bench) -> Iterator[Row]:
    """Both registries are filled and stand side by side; memory is of each server over what it was when idle."""
    items = draw(bench.sizes.small, bench.generator)
    with ExitStack() as stack:
        many, few = (stack.enter_context(bench.registry()) for _ in range(2))
        rates = _filled(many, items, _small), _filled(few, items, _large)
        held = f"{len(items) // _EACH:,} registrations"
        note = f"the baseline is {_LARGE} registrations of the same items"
        yield Row(f"{held}: register", bench.database, (rates[0],), "items/s", (rates[1],), None, note)
        works: dict[str, tuple[Callable[[Client, int], object], int, Bar | None]] = {
            "first look-up": (lambda client, _: client.lookup(items[:1]), 1, None),
            f"look up {len(items[:_READ]):,} at first": (lambda client, _: _read(client, items[:_READ]), 1, None),
            f"look up {bench.sizes.asked:,}": (_look_up(bench, items), bench.sizes.times, _TWICE),
            "mix of a tenth": (_mix(Part(share=1.0), len(items) // 10), bench.sizes.times, _TWICE),
            "mix, human 1 %": (_mix(_HUMAN, len(items) // 200), bench.sizes.times, _TWICE),
        }
        for name, (work, times, bar) in works.items():
            measures = (_timed(work, held.client) for held in (many, few))
            values, baselines = alternately(times, *measures)
            yield Row(f"{held}: {name}", bench.database, values, "s", baselines, bar, note)
        memory = [(anonymous(held.served.pid) - held.idle) / 1e6 for held in (many, few)]
        yield Row(f"{held}: memory", bench.database, (memory[0],), "MB", (memory[1],), _MEMORY, f"over idle; {note}")


_HUMAN = Part(verdict_in=["human"], share=1.0)


def _filled(held: Held, items: Digests, fill: Callable[[Client, Digests], None]) -> float:
    """Items a second."""
    started = perf_counter()
    fill(held.client, items)
    seconds = perf_counter() - started
    if held.database_url is not None:
        settle(held.database_url)
    return len(items) / seconds


def _small(client: Client, items: Digests) -> None:
    """Every hundredth registration says human, the others a model."""
    for start in range(0, len(items), _BODY * _EACH):
        texts = [to_text(digest) for digest in to_bytes(items[start : start + _BODY * _EACH])]
        body = [_statement(place, texts[place : place + _EACH]) for place in range(0, len(texts), _EACH)]
        if any(outcome.refused for outcome in client.register_batch(body)):
            raise RuntimeError("a statement was refused")


def _statement(place: int, digests: list[str]) -> NewStatement:
    if place % (100 * _EACH) == 0:
        return NewStatement.model_construct(dataset="local/d", origin="human", digests=digests)
    return NewStatement.model_construct(dataset="local/d", origin="model", model="local/m@1", digests=digests)


def _large(client: Client, items: Digests) -> None:
    """A hundred registrations, the first human."""
    for number, part in enumerate(np.array_split(items, _LARGE)):
        (human if number == 0 else synthetic)(client, part)


def _read(client: Client, items: Digests) -> None:
    """So many that nearly every page of the index is in memory then: it had left it while the other was filled."""
    for part in np.array_split(items, 3):
        client.lookup(part)


def _look_up(bench: Bench, items: Digests) -> Callable[[Client, int], object]:
    batches = half_known(items, bench.sizes.asked, bench.sizes.times, bench.generator)
    return lambda client, number: client.lookup(batches[number])


def _mix(part: Part, size: int) -> Callable[[Client, int], object]:
    return lambda client, seed: client.create_mix(Recipe(seed=seed, size=size, parts=[part]))


def _timed(work: Callable[[Client, int], object], client: Client) -> Callable[[int], float]:
    def once(number: int) -> float:
        started = perf_counter()
        work(client, number)
        return perf_counter() - started

    return once
