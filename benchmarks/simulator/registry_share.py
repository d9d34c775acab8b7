"""What a run spends on its registry: the share of its time, and beside the bare database that stores the same rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.bare import sqlite
from benchmarks.bare.baselines import Sizes
from benchmarks.bare.drawing import draw
from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row, alternately
from firsthand import Client
from firsthand.core.digests import Digests
from firsthand.schemas.mixes import Mix
from firsthand.schemas.models import Model, OriginCounts
from simulator.config import Run, encode
from simulator.data.corpora import Normal
from simulator.data.images import Pixels
from simulator.data.texts import Text
from simulator.families.gaussian import Gaussian
from simulator.families.transformer import Transformer
from simulator.families.vae import VAE
from simulator.names import label
from simulator.regimes import History, Replace
from simulator.runs import checkpoints, rounds
from simulator.runs.checkpoints import Plan, State
from simulator.runs.registry_writer import Ledger
from simulator.worlds.commons import Batch, Said

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
    """Gaussians of 64 chains, the cheapest models, so the registry's largest share; then the trained families."""
    whole = min(1.0, bench.sizes.lines / Sizes().lines)
    n, generations = max(500, int(10_000 * whole)), 10
    run = Run(Gaussian(), Normal(n), Replace(), n=n, generations=generations, chains=_CHAINS)
    seconds: list[tuple[float, float]] = []
    registry, bare = alternately(
        bench.sizes.times, lambda number: _kept(bench, run, number, seconds), lambda number: _bare(bench, run, number)
    )
    note = f"{_CHAINS} chains, {n:,} items a round, {generations} rounds"
    yield _share("a run's registry, of the run", seconds, 0.5, note)
    yield Row("a run's registry, of the database", "-", registry, "s", bare, Bar("ratio", "<=", 2.0), note)
    yield from _trained(bench, whole)


def _trained(bench: Bench, whole: float) -> Iterator[Row]:
    """Autoencoders and a small GPT, as their reproductions have them at the standard size, where `whole` is 1.

    Of the GPT two of its five rounds.
    """
    vae, gpt = VAE(steps=max(1, int(1500 * whole))), Transformer(width=64, steps=max(1, int(375 * whole)), batch=16)
    pixels, text = max(50, int(1000 * whole)), max(50, int(1200 * whole))
    for name, run in (
        ("a VAE", Run(vae, Pixels(), Replace(), n=pixels, generations=max(2, int(10 * whole)))),
        ("a small GPT", Run(gpt, Text(), Replace(), n=text, generations=2)),
    ):
        seconds: list[tuple[float, float]] = []
        alternately(min(3, bench.sizes.times), partial(_kept, bench, run, seconds=seconds))
        note = f"{run.n:,} items a round, {run.generations} rounds, {label(run.family)}"
        yield _share(f"the registry of {name}, of the run", seconds, 0.05, note)


def _share(work: str, seconds: Sequence[tuple[float, float]], most: float, note: str) -> Row:
    wholes, registries = zip(*seconds, strict=True)
    return Row(work, "-", registries, "s", wholes, Bar("ratio", "<=", most), note)


def _kept(bench: Bench, run: Run, number: int, seconds: list[tuple[float, float]]) -> float:
    """Seconds of the registry in one run, in a registry of its own; keeps those of the whole run with them."""
    with bench.registry() as held:
        folder = bench.folder / f"{run.id}-{number}"
        seconds.append(played(folder, replace(run, seed=number), held.client))
    return seconds[-1][1]


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


def _bare(bench: Bench, run: Run, number: int) -> float:
    """Seconds of the bare driver for the same claims: human data, and what each round makes."""
    items = draw(run.n * (run.generations + 1), bench.generator)
    with sqlite.connected(bench.folder / f"rows-{number}.sqlite") as connection:
        sqlite.create(connection)
        seconds: float = sqlite.register(connection, items, run.n)
    return seconds
