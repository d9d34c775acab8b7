"""What theory says of one-dimensional Gaussians that are refitted to their own samples: simulation and exact formulas.

Human data are N(0, 1), n items train each generation, and after t refits v is the fitted variance and μ the fitted
mean. Nothing here makes items: a sample enters a refit only by its mean and its sum of squares, and those are drawn
directly, a normal and a chi-square. The formulas are exact for every n, and for the maximum likelihood variance (sum of
squares over n) unless they say otherwise. Both are there to check the experiments by; neither asks a registry.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.models.base import Floats
from simulator.models.gaussian import Estimator


class Expected(NamedTuple):
    """E[v_t] and E[μ_t²] after t = 1 … rounds refits, `[rounds]` each, for σ = 1; multiply by σ² for another."""

    variance: Floats
    mean_squared: Floats


class Trajectories(NamedTuple):
    """Fitted variance and mean of C chains after t = 1 … rounds refits, `[rounds, C]` each."""

    variance: Floats
    mean: Floats


def expect_replace(n: int, rounds: int, estimator: Estimator = "mle") -> Expected:
    """Each generation is fitted to n items of the one before.

    Maximum likelihood: E[v_t] = (1 − 1/n)^t and E[μ_t²] = 1 − E[v_t], so W₂² ends near 2σ². Unbiased: E[v_t] = 1 and
    E[μ_t²] = t/n, so W₂² grows without end although v → 0 almost surely.
    """
    if estimator == "unbiased":
        return Expected(np.ones(rounds), np.cumsum(np.full(rounds, 1 / n)))
    variance = np.cumprod(np.full(rounds, 1 - 1 / n))
    return Expected(variance, 1 - variance)


def expect_accumulate(n: int, rounds: int) -> Expected:
    """Generation t is fitted to n human items and n items of each generation before it.

    E[v_t] = Π_{k≤t} (1 − 1/(n k²)), which tends to sin(π/√n)/(π/√n); E[μ_t²] = Σ_{k≤t} E[v_{k−1}]/(n k²) ≤ π²/(6n).
    """
    lost = 1 / (n * np.arange(1, rounds + 1) ** 2)
    variance = np.cumprod(1 - lost, dtype=np.float64)
    before = np.concatenate([[1.0], variance[:-1]])
    return Expected(variance, np.cumsum(before * lost, dtype=np.float64))


def expect_fresh(n: int, share: float, rounds: int) -> Expected:
    """Each generation after the first is fitted to exactly w·n new human items and (1 − w)·n of the one before.

    E[μ_t²] = 1/n + E[μ_{t−1}²]·((1 − w)² − (1 − w)/n) from E[μ_0²] = 0, and E[v_t] = 1 − E[μ_t²]; derived: the mean is
    w·x̄ + (1 − w)·ȳ with variances 1/(wn) and E[v_{t−1}]/((1 − w)n), and E[v] + E[μ²] = 1 is kept. The first is fitted
    to n human items.
    """
    w = humans_of(n, share) / n
    mean_squared = np.zeros(rounds + 1)
    for t in range(1, rounds + 1):
        mean_squared[t] = 1 / n + mean_squared[t - 1] * ((1 - w) ** 2 - (1 - w) / n)
    return Expected(1 - mean_squared[1:], mean_squared[1:])


def expect_fresh_at_last(n: int, share: float) -> tuple[float, float]:
    """Where `expect_fresh` ends: E[v] = 1 − E[μ²] and E[μ²] = 1/(n·w(2 − w) + 1 − w)."""
    w = humans_of(n, share) / n
    mean_squared = 1 / (n * w * (2 - w) + 1 - w)
    return 1 - mean_squared, mean_squared


def humans_of(n: int, share: float) -> int:
    """w·n. Raises ValueError where that is no whole number, for then no formula here is exact."""
    humans = round(share * n)
    if not 0 <= share <= 1 or abs(humans - share * n) > 1e-9:
        raise ValueError(f"a share of {share} of {n} items is no whole number of items from 0 to {n}")
    return humans


@dataclass(frozen=True)
class _Sums:
    """All that a refit sees of a sample: its count, its mean `[C]` and its sum of squares about that mean `[C]`."""

    count: int
    mean: Floats
    squares: Floats

    def __add__(self, other: "_Sums") -> "_Sums":
        """Two samples as one (Chan, Golub and LeVeque 1983)."""
        count = self.count + other.count
        away = other.mean - self.mean
        squares = self.squares + other.squares + away**2 * (self.count * other.count / count)
        return _Sums(count, self.mean + away * (other.count / count), squares)

    def variance(self, estimator: Estimator) -> Floats:
        return self.squares / (self.count if estimator == "mle" else self.count - 1)


def _draw(count: int, mean: Floats, variance: Floats, rng: np.random.Generator) -> _Sums:
    """The sums of `count` normal items a chain: x̄ ~ N(μ, v/count), and Σ(x − x̄)² ~ v·χ²(count − 1), independent."""
    drawn = mean + np.sqrt(variance / count) * rng.standard_normal(mean.shape)
    squares = variance * rng.chisquare(count - 1, mean.shape) if count > 1 else np.zeros_like(mean)
    return _Sums(count, drawn, squares)


class _Chains:
    """C chains that are refitted round after round, from N(0, 1)."""

    def __init__(self, chains: int, estimator: Estimator, rng: np.random.Generator) -> None:
        self.means, self.variances = [np.zeros(chains)], [np.ones(chains)]
        self.estimator, self.rng = estimator, rng

    def humans(self, count: int) -> _Sums:
        return _draw(count, self.means[0], self.variances[0], self.rng)

    def outputs(self, count: int) -> _Sums:
        return _draw(count, self.means[-1], self.variances[-1], self.rng)

    def refit(self, sums: _Sums) -> None:
        self.means.append(sums.mean)
        self.variances.append(sums.variance(self.estimator))

    def trajectories(self) -> Trajectories:
        return Trajectories(np.stack(self.variances[1:]), np.stack(self.means[1:]))


def simulate_replace(
    chains: int, n: int, rounds: int, rng: np.random.Generator, estimator: Estimator = "mle"
) -> Trajectories:
    """C chains of `expect_replace`'s experiment."""
    state = _Chains(chains, estimator, rng)
    for _ in range(rounds):
        state.refit(state.outputs(n))  # the first model's "output" is human data: it starts at the truth
    return state.trajectories()


def simulate_accumulate(
    chains: int, n: int, rounds: int, rng: np.random.Generator, estimator: Estimator = "mle"
) -> Trajectories:
    """C chains of `expect_accumulate`'s experiment."""
    state = _Chains(chains, estimator, rng)
    everything = state.humans(n)
    state.refit(everything)
    for _ in range(rounds - 1):
        everything = everything + state.outputs(n)
        state.refit(everything)
    return state.trajectories()


def simulate_fresh(
    chains: int, n: int, share: float, rounds: int, rng: np.random.Generator, estimator: Estimator = "mle"
) -> Trajectories:
    """C chains of `expect_fresh`'s experiment."""
    state = _Chains(chains, estimator, rng)
    humans = humans_of(n, share)
    state.refit(state.humans(n))
    for _ in range(rounds - 1):
        parts = [state.humans(humans)] if humans else []
        parts += [state.outputs(n - humans)] if humans < n else []
        state.refit(parts[0] if len(parts) == 1 else parts[0] + parts[1])
    return state.trajectories()
