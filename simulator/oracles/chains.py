"""Simulation of one-dimensional Gaussians that are refitted to their own samples, without generating items.

A fit needs only the mean and the sum of squared deviations of a sample. So these two numbers are drawn directly: the
mean from a normal distribution, and the sum of squares from a chi-square distribution. Tests compare exact formulas and
experiments with this simulation. It needs no registry.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.families.base import Floats
from simulator.families.gaussian import Estimator
from simulator.oracles.gaussian import humans_of


class Trajectories(NamedTuple):
    """The fitted variance and mean of each of C chains after each round.

    Each is an array `[rounds, C]`; row 0 is after the first fit. A chain is one sequence of models.
    """

    variance: Floats
    mean: Floats


@dataclass(frozen=True)
class _Sums:
    """The sufficient statistics of a sample of each of C chains.

    They are the number of items (the same for all chains), the mean `[C]` and the sum of squared deviations from the
    mean `[C]`.
    """

    count: int
    mean: Floats
    squares: Floats

    def __add__(self, other: "_Sums") -> "_Sums":
        """Return the statistics of the union of both samples (Chan, Golub and LeVeque 1983)."""
        count = self.count + other.count
        away = other.mean - self.mean
        squares = self.squares + other.squares + away**2 * (self.count * other.count / count)
        return _Sums(count, self.mean + away * (other.count / count), squares)

    def variance(self, estimator: Estimator) -> Floats:
        return self.squares / (self.count if estimator == "mle" else self.count - 1)


def _draw(count: int, mean: Floats, variance: Floats, rng: np.random.Generator) -> _Sums:
    """Draw the statistics of `count` normal items per chain: x̄ ~ N(μ, v/count) and Σ(x − x̄)² ~ v·χ²(count − 1)."""
    drawn = mean + np.sqrt(variance / count) * rng.standard_normal(mean.shape)
    squares = variance * rng.chisquare(count - 1, mean.shape) if count > 1 else np.zeros_like(mean)
    return _Sums(count, drawn, squares)


class _Chains:
    """C chains that start from N(0, 1) and are refitted in each round."""

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
    """Simulate C independent chains of models under the regime `replace`, and return their trajectories.

    `chains` is C, and `rounds` is the number of fits. `expect_replace` describes the experiment and returns its exact
    expectations.
    """
    state = _Chains(chains, estimator, rng)
    for _ in range(rounds):
        state.refit(state.outputs(n))  # human data in the first round, because the chains start at N(0, 1)
    return state.trajectories()


def simulate_accumulate(
    chains: int, n: int, rounds: int, rng: np.random.Generator, estimator: Estimator = "mle"
) -> Trajectories:
    """Simulate C independent chains of models under the regime `accumulate`, and return their trajectories.

    `chains` is C, and `rounds` is the number of fits. `expect_accumulate` describes the experiment and returns its
    exact expectations.
    """
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
    """Simulate C independent chains of models under the regime `fresh`, and return their trajectories.

    `chains` is C, and `rounds` is the number of fits. `expect_fresh` describes the experiment and returns its exact
    expectations. Raises ValueError if `share`·n is not a whole number.
    """
    state = _Chains(chains, estimator, rng)
    humans = humans_of(n, share)
    state.refit(state.humans(n))
    for _ in range(rounds - 1):
        parts = [state.humans(humans)] if humans else []
        parts += [state.outputs(n - humans)] if humans < n else []
        state.refit(parts[0] if len(parts) == 1 else parts[0] + parts[1])
    return state.trajectories()
