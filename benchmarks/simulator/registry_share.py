"""Measure the time that a run needs for its registry: as a share of the run, and compared with a bare database."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.bare import sqlite
from benchmarks.bare.inputs import random_digests
from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from benchmarks.harness.sizes import Sizes
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
from simulator.regimes import Replace, RunHistory
from simulator.runs import checkpoints, rounds
from simulator.runs.checkpoints import Plan, State
from simulator.runs.registry_writer import RunRegistry
from simulator.worlds.base import OriginStatement, RoundBatch

_CHAINS = 64
Answer = TypeVar("Answer")


class TimedRegistry(RunRegistry):
    """A registry of a run that counts the seconds of all its calls together."""

    seconds = 0.0

    def _timed(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        started = time.perf_counter()
        answer = call(*arguments)
        TimedRegistry.seconds += time.perf_counter() - started
        return answer

    def draw(self, history: RunHistory, position: int) -> tuple[Mix, Digests]:
        return self._timed(super().draw, history, position)

    def register_model(self, round: int, provider: int, mix: str) -> Model:
        return self._timed(super().register_model, round, provider, mix)

    def register(self, batch: RoundBatch, digests: Digests, statements: Sequence[OriginStatement]) -> int:
        return self._timed(super().register, batch, digests, statements)

    def known(self, state: State) -> OriginCounts:
        return self._timed(super().known, state)


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure runs of Gaussians and of trained models.

    Gaussians with 64 chains are the fastest models, so the share of the registry is largest there.
    """
    scale = min(1.0, bench.sizes.lines / Sizes().lines)
    n, generations = max(500, int(10_000 * scale)), 10
    run = Run(Gaussian(), Normal(n), Replace(), n=n, generations=generations, chains=_CHAINS)
    seconds: list[tuple[float, float]] = []
    registry, bare = alternate(
        bench.sizes.times,
        lambda number: _play(bench, run, number, seconds),
        lambda number: _register_by_bare_driver(bench, run, number),
    )
    note = f"{_CHAINS} chains, {n:,} items per round, {generations} rounds"
    yield _share("Gaussians: registry, share of run", seconds, 0.5, note)
    task = "Gaussians: registry, compared with a bare database"
    yield BenchmarkRow(task, "-", registry, "s", bare, Target("ratio", "<=", 2.0), note)

    # An autoencoder and a small GPT with the sizes of their reproductions; the GPT plays only two of its five rounds.
    vae, gpt = VAE(steps=max(1, int(1500 * scale))), Transformer(width=64, steps=max(1, int(375 * scale)), batch=16)
    pixels, texts = max(50, int(1000 * scale)), max(50, int(1200 * scale))
    for name, run in (
        ("VAE", Run(vae, Pixels(), Replace(), n=pixels, generations=max(2, int(10 * scale)))),
        ("small GPT", Run(gpt, Text(), Replace(), n=texts, generations=2)),
    ):
        seconds = []
        alternate(min(3, bench.sizes.times), partial(_play, bench, run, seconds=seconds))
        note = f"{run.n:,} items per round, {run.generations} rounds, {label(run.family)}"
        yield _share(f"{name}: registry, share of run", seconds, 0.05, note)


def _share(task: str, seconds: Sequence[tuple[float, float]], most: float, note: str) -> BenchmarkRow:
    """Return the row for pairs (seconds of the run, seconds of its registry)."""
    runs, registries = zip(*seconds, strict=True)
    return BenchmarkRow(task, "-", registries, "s", runs, Target("ratio", "<=", most), note)


def _play(bench: Bench, run: Run, number: int, seconds: list[tuple[float, float]]) -> float:
    """Play a run with a new registry, and return the seconds of the registry.

    This appends (seconds of the run, seconds of the registry) to `seconds`.
    """
    with bench.registry() as registry:
        folder = bench.folder / f"{run.id}-{number}"
        seconds.append(play(folder, replace(run, seed=number), registry.client))
    return seconds[-1][1]


def play(folder: Path, run: Run, client: Client) -> tuple[float, float]:
    """Play a run. Returns (the seconds of the run, the seconds that it needed for its registry)."""
    checkpoints.save_plan(folder, Plan(encode(run), "unused", "."))
    loop = rounds.RunLoop(folder, checkpoints.load_plan(folder), client)
    loop.registry, TimedRegistry.seconds = TimedRegistry(client, loop.registry.organization, run), 0.0
    started = time.perf_counter()
    state = loop.begin()
    while state.round < run.generations:
        state = loop.play_round(state)
    return time.perf_counter() - started, TimedRegistry.seconds


def _register_by_bare_driver(bench: Bench, run: Run, number: int) -> float:
    """Return the seconds of the bare driver for the same number of claims: human data, and the output of each round."""
    digests = random_digests(run.n * (run.generations + 1), bench.generator)
    with sqlite.connected(bench.folder / f"rows-{number}.sqlite") as connection:
        sqlite.create(connection)
        seconds: float = sqlite.register(connection, digests, run.n)
    return seconds
