"""One line of one-dimensional Gaussians, refitted to their own samples: what is expected, exactly.

Human data are N(0, 1), n items train each generation, and after t refits v is the fitted variance and μ the fitted
mean. The formulas are exact for every n, and for the maximum likelihood variance (sum of squares over n) unless they
say otherwise.
"""

from typing import NamedTuple

import numpy as np

from simulator.families.base import Floats
from simulator.families.gaussian import Estimator


class Expected(NamedTuple):
    """E[v_t] and E[μ_t²] after t = 1 … rounds refits, `[rounds]` each, for σ = 1; multiply by σ² for another."""

    variance: Floats
    mean_squared: Floats


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
