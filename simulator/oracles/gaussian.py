"""Exact expectations for one-dimensional Gaussians that are refitted to their own samples.

Human data are N(0, 1). Each generation is fitted to n items; v_t and μ_t are the variance and mean after t fits. The
formulas are exact for every n. They hold for the maximum likelihood variance (sum of squared deviations divided by n),
unless a docstring says otherwise.
"""

from typing import NamedTuple

import numpy as np

from simulator.families.base import Floats
from simulator.families.gaussian import Estimator


class Expected(NamedTuple):
    """E[v_t] and E[μ_t²] after t = 1 … rounds fits, `[rounds]` each, for σ = 1. For another σ, multiply by σ²."""

    variance: Floats
    mean_squared: Floats


def expect_replace(n: int, rounds: int, estimator: Estimator = "mle") -> Expected:
    """Return the expectations if each generation is fitted to n items of the previous generation.

    Maximum likelihood: E[v_t] = (1 − 1/n)^t and E[μ_t²] = 1 − E[v_t], so W₂² tends to about 2σ². Unbiased: E[v_t] = 1
    and E[μ_t²] = t/n, so W₂² grows without limit although v → 0 almost surely.
    """
    if estimator == "unbiased":
        return Expected(np.ones(rounds), np.cumsum(np.full(rounds, 1 / n)))
    variance = np.cumprod(np.full(rounds, 1 - 1 / n))
    return Expected(variance, 1 - variance)


def expect_accumulate(n: int, rounds: int) -> Expected:
    """Return the expectations if generation t is fitted to n human items and n items of each previous generation.

    E[v_t] = Π_{k≤t} (1 − 1/(n k²)), which tends to sin(π/√n)/(π/√n); E[μ_t²] = Σ_{k≤t} E[v_{k−1}]/(n k²) ≤ π²/(6n).
    """
    lost = 1 / (n * np.arange(1, rounds + 1) ** 2)
    variance = np.cumprod(1 - lost, dtype=np.float64)
    before = np.concatenate([[1.0], variance[:-1]])
    return Expected(variance, np.cumsum(before * lost, dtype=np.float64))


def expect_fresh(n: int, share: float, rounds: int) -> Expected:
    """Return the expectations for a fit to w·n new human items and (1 − w)·n items of the previous generation.

    `share` is w. The first generation is fitted to n human items. E[μ_0²] = 0,
    E[μ_t²] = 1/n + E[μ_{t−1}²]·((1 − w)² − (1 − w)/n), and E[v_t] = 1 − E[μ_t²]. Derived here: the mean is
    w·x̄ + (1 − w)·ȳ, where x̄ (human) and ȳ (output) have the variances 1/(wn) and E[v_{t−1}]/((1 − w)n), and
    E[v] + E[μ²] = 1 in every round. Raises ValueError if w·n is not a whole number.
    """
    w = humans_of(n, share) / n
    mean_squared = np.zeros(rounds + 1)
    for t in range(1, rounds + 1):
        mean_squared[t] = 1 / n + mean_squared[t - 1] * ((1 - w) ** 2 - (1 - w) / n)
    return Expected(1 - mean_squared[1:], mean_squared[1:])


def expect_fresh_at_last(n: int, share: float) -> tuple[float, float]:
    """Return the limits of `expect_fresh` for many rounds: E[v] = 1 − E[μ²] and E[μ²] = 1/(n·w(2 − w) + 1 − w)."""
    w = humans_of(n, share) / n
    mean_squared = 1 / (n * w * (2 - w) + 1 - w)
    return 1 - mean_squared, mean_squared


def humans_of(n: int, share: float) -> int:
    """Return w·n, the number of human items. Raises ValueError if it is not whole: then no formula here is exact."""
    humans = round(share * n)
    if not 0 <= share <= 1 or abs(humans - share * n) > 1e-9:
        raise ValueError(f"{share} of {n} items is not a whole number from 0 to {n}: choose another share or n")
    return humans


def weighted_error_at_last(weight: float, humans: int, synthetic: int) -> float:
    """Return the limit of E[μ²] for a Gaussian with fixed variance 1 and mean w·x̄ + (1 − w)·ȳ in each round.

    `weight` is w, x̄ is the mean of new human items, and ȳ is the mean of synthetic items (He et al. 2025, 2502.18049).
    E[μ_t²] = w²/n_human + (1 − w)²·(E[μ_{t−1}²] + 1/n_synthetic), so the limit is
    (w²/n_human + (1 − w)²/n_synthetic) / (w·(2 − w)). It is smallest at w = `golden_ratio(humans / synthetic)`.
    """
    return (weight**2 / humans + (1 - weight) ** 2 / synthetic) / (weight * (2 - weight))
