"""What a run spends on its registry: the share of its time, and beside the bare database that stores the same rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.bare import sqlite
from benchmarks.bare.drawing import draw
from benchmarks.bench import Bench
from benchmarks.rows import Bar, Row
from firsthand import Client
from firsthand.digests import Digests
from firsthand.schemas.mixes import Mix
from firsthand.schemas.models import Model, OriginCounts
from simulator import checkpoints, rounds
from simulator.checkpoints import Plan, State
from simulator.config import Run, encode
from simulator.corpora import Normal
from simulator.ledger import Ledger
from simulator.models.gaussian import Gaussian
from simulator.recipes import History, Replace
from simulator.worlds import Batch, Said

_CHAINS = 64
Answer = TypeVar("Answer")


class Timed(Ledger):
    """A ledger that sums up how long it takes."""

    seconds = 0.0

    def _timed(self, work: Callable[..., Answer], *given: Any) -> Answer:
        started = time.perf_counter()
        answer = work(*given)
        Timed.seconds += time.perf_counter() - started
        return answer

    def draw(self, history: History, position: int) -> tuple[Mix, Digests]:
        return self._timed(super().draw, history, position)

    def trained(self, round: int, provider: int, mix: str) -> Model:
        return self._timed(super().trained, round, provider, mix)

    def tell(self, batch: Batch, digests: Digests, said: Sequence[Said]) -> int:
        return self._timed(super().tell, batch, digests, said)

    def known(self, state: State) -> OriginCounts:
        return self._timed(super().known, state)


def rows(bench: Bench) -> Iterator[Row]:
    """Gaussians of 64 chains, as vector items: the cheapest models, so the registry's largest share."""
    n, generations = min(10_000, max(500, bench.sizes.lines // 100)), 10
    run = Run(Gaussian(), Normal(n), Replace(), n=n, generations=generations, chains=_CHAINS)
    with bench.registry() as held:
        whole, registry = played(bench.folder / "run", run, held.client)
    bare = _bare(bench.folder / "rows.sqlite", n, generations, bench.generator)
    note = f"{_CHAINS} chains, {n:,} items a round, {generations} rounds"
    yield Row("a run's registry, of the run", "-", (registry,), "s", (whole,), Bar("ratio", "<=", 0.5), note)
    yield Row("a run's registry, of the database", "-", (registry,), "s", (bare,), Bar("ratio", "<=", 2.0), note)


def played(folder: Path, run: Run, client: Client) -> tuple[float, float]:
    """Seconds of a run, and those of its registry among them."""
    checkpoints.save_plan(folder, Plan(encode(run), "unused", "."))
    line = rounds.Line(folder, checkpoints.load_plan(folder), client)
    line.ledger, Timed.seconds = Timed(client, line.ledger.organization, run), 0.0
    started = time.perf_counter()
    state = line.begin()
    while state.round < run.generations:
        state = line.play_round(state)
    return time.perf_counter() - started, Timed.seconds


def _bare(path: Path, n: int, generations: int, generator: np.random.Generator) -> float:
    """Seconds of the bare driver for the same claims: human data, and what each round makes."""
    items = draw(n * (generations + 1), generator)
    with sqlite.connected(path) as connection:
        sqlite.create(connection)
        seconds: float = sqlite.register(connection, items, n)
    return seconds
