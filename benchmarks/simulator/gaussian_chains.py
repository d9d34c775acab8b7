"""Simulate one-dimensional Gaussians by sufficient statistics, compared with a plain numpy loop over generations."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from simulator.oracles import simulate_replace

_N, _CHAINS = 100, 10_000


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure generations per second, summed over all chains, with maximum likelihood and n = 100."""
    generations = max(5, bench.sizes.look_ups * 5)
    bare, ours = alternate(bench.sizes.times, lambda n: _bare(n, generations), lambda n: _ours(n, generations))
    note = f"{_CHAINS:,} chains, {generations} generations, float64"
    target = Target("ratio", ">=", 0.6)
    yield BenchmarkRow("Gaussian chains", "-", ours, "generations/s", bare, target, note)


def _ours(number: int, generations: int) -> float:
    started = perf_counter()
    simulate_replace(_CHAINS, _N, generations, np.random.default_rng(number))
    return _CHAINS * generations / (perf_counter() - started)


def _bare(number: int, generations: int) -> float:
    generator = np.random.default_rng(number)
    mean, variance = np.zeros(_CHAINS), np.ones(_CHAINS)
    started = perf_counter()
    for _ in range(generations):
        mean = mean + np.sqrt(variance / _N) * generator.standard_normal(_CHAINS)
        variance = variance * generator.chisquare(_N - 1, _CHAINS) / _N
    return _CHAINS * generations / (perf_counter() - started)
