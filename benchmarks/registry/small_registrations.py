"""Compare a registry of many small registrations with a registry that has the same items in few large registrations.

A small registration has ten items; `Client.register_batch` sends 1,000 of them per request. There are 100 large
registrations, which `Client.register` sends. The values are from the registry of small registrations, the baselines
from the other one. The targets allow that look-ups and mixes take twice as long.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from time import perf_counter

import numpy as np

from benchmarks.bare.inputs import half_known, random_digests
from benchmarks.harness.bench import Bench, FilledRegistry, register_human, register_model, vacuum
from benchmarks.harness.memory import anonymous_bytes
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from firsthand import Client, Part, Recipe
from firsthand.core.digests import Digests, to_bytes, to_text
from firsthand.schemas.registrations import NewStatement

_ITEMS = 10
_STATEMENTS_PER_REQUEST = 1_000
_LARGE = 100
_WARM_UP = 300_000
_TIME = Target("ratio", "<=", 2.0)
_MEMORY = Target("ratio", "<=", 1.5)
_HUMAN = Part(verdict_in=["human"], share=1.0)


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Fill both registries, and measure both in turn. Memory is the memory of each server above idle."""
    items = random_digests(bench.sizes.small, bench.generator)
    with ExitStack() as stack:
        many, few = (stack.enter_context(bench.registry()) for _ in range(2))
        rates = _fill(many, items, _register_small), _fill(few, items, _register_large)
        name = f"{len(items) // _ITEMS:,} registrations"
        note = f"baseline: the same items in {_LARGE} registrations"
        yield BenchmarkRow(f"{name}: register", bench.database, (rates[0],), "items/s", (rates[1],), None, note)
        tasks: dict[str, tuple[Callable[[Client, int], object], int, Target | None]] = {
            "first look-up": (lambda client, _: client.lookup(items[:1]), 1, None),
            f"look up {len(items[:_WARM_UP]):,}, first time": (lambda client, _: _warm_up(client, items), 1, None),
            f"look up {bench.sizes.lookup_batch:,}": (_look_up(bench, items), bench.sizes.times, _TIME),
            "mix of a tenth": (_mix(Part(share=1.0), len(items) // 10), bench.sizes.times, _TIME),
            "mix, human items rare": (_mix(_HUMAN, len(items) // 200), bench.sizes.times, _TIME),
        }
        for task, (work, times, target) in tasks.items():
            values, baselines = alternate(times, *(_timed(work, registry.client) for registry in (many, few)))
            yield BenchmarkRow(f"{name}: {task}", bench.database, values, "s", baselines, target, note)
        memory = [(anonymous_bytes(registry.served.pid) - registry.idle) / 1e6 for registry in (many, few)]
        yield BenchmarkRow(
            f"{name}: memory", bench.database, (memory[0],), "MB", (memory[1],), _MEMORY, f"above idle; {note}"
        )


def _fill(registry: FilledRegistry, items: Digests, register: Callable[[Client, Digests], None]) -> float:
    """Register the items, and return the items per second."""
    started = perf_counter()
    register(registry.client, items)
    seconds = perf_counter() - started
    if registry.database_url is not None:
        vacuum(registry.database_url)
    return len(items) / seconds


def _register_small(client: Client, items: Digests) -> None:
    """Register ten items per registration. Every hundredth registration is human, the others are model output."""
    for start in range(0, len(items), _STATEMENTS_PER_REQUEST * _ITEMS):
        texts = [to_text(digest) for digest in to_bytes(items[start : start + _STATEMENTS_PER_REQUEST * _ITEMS])]
        body = []
        for row in range(0, len(texts), _ITEMS):
            # `model_construct` does not validate: validation would take longer than the request.
            construct = partial(NewStatement.model_construct, dataset="local/d", digests=texts[row : row + _ITEMS])
            human = row % (100 * _ITEMS) == 0
            body.append(construct(origin="human") if human else construct(origin="model", model="local/m@1"))
        if any(outcome.refused for outcome in client.register_batch(body)):
            raise RuntimeError("the registry refused a statement")


def _register_large(client: Client, items: Digests) -> None:
    """Register all items in 100 registrations. The first is human, the others are model output."""
    for number, part in enumerate(np.array_split(items, _LARGE)):
        (register_human if number == 0 else register_model)(client, part)


def _warm_up(client: Client, items: Digests) -> None:
    """Look up many items, so that nearly all pages of the index are in memory.

    While one registry is filled, pages of the other are removed from memory.
    """
    for part in np.array_split(items[:_WARM_UP], 3):
        client.lookup(part)


def _look_up(bench: Bench, items: Digests) -> Callable[[Client, int], object]:
    batches = half_known(items, bench.sizes.lookup_batch, bench.sizes.times, bench.generator)
    return lambda client, number: client.lookup(batches[number])


def _mix(part: Part, size: int) -> Callable[[Client, int], object]:
    return lambda client, seed: client.create_mix(Recipe(seed=seed, size=size, parts=[part]))


def _timed(work: Callable[[Client, int], object], client: Client) -> Callable[[int], float]:
    def measure(number: int) -> float:
        started = perf_counter()
        work(client, number)
        return perf_counter() - started

    return measure
