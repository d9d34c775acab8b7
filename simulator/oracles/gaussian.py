"""Exact expectations for one-dimensional Gaussians that are refitted to their own samples.

Human data are N(0, σ²) with σ = 1. Each generation is fitted to n items. v_t and μ_t are the variance and the mean of
the model after fit t. E[…] is the expected value over all random draws. W₂² is the squared Wasserstein distance between
the model and the distribution of the human data. The formulas are exact for every n. They hold for the maximum
likelihood variance (sum of squared deviations divided by n), unless a docstring says otherwise.
"""

from typing import NamedTuple

import numpy as np

from simulator.families.base import Floats
from simulator.families.gaussian import Estimator


class Expected(NamedTuple):
    """The expected variance and the expected squared mean of a model after each fit.

    v_t and μ_t are the variance and the mean of the model after fit t. The values are for human data N(0, 1). For human
    data N(0, σ²), multiply both by σ².
    """

    variance: Floats
    """E[v_t], `[rounds]`; the first value is after the first fit"""
    mean_squared: Floats
    """E[μ_t²], `[rounds]`; the first value is after the first fit"""


def expect_replace(n: int, rounds: int, estimator: Estimator = "mle") -> Expected:
    """Return the expected variance and squared mean of the model after each fit, for the regime `replace`.

    Each generation is fitted to n items of the previous generation. The first generation is fitted to n human items
    from N(0, 1). v_t and μ_t are the variance and the mean after fit t. W₂² is the squared Wasserstein distance to the
    distribution of the human data.

    If `estimator` is `mle`: E[v_t] = (1 − 1/n)^t and E[μ_t²] = 1 − E[v_t], so W₂² tends to about 2. If it is
    `unbiased`: E[v_t] = 1 and E[μ_t²] = t/n, so W₂² grows without limit, although v_t → 0 almost surely.
    """
    if estimator == "unbiased":
        return Expected(np.ones(rounds), np.cumsum(np.full(rounds, 1 / n)))
    variance = np.cumprod(np.full(rounds, 1 - 1 / n))
    return Expected(variance, 1 - variance)


def expect_accumulate(n: int, rounds: int) -> Expected:
    """Return the expected variance and squared mean of the model after each fit, for the regime `accumulate`.

    Generation t is fitted to n human items and to n items of each previous generation. v_t and μ_t are the variance and
    the mean after fit t, and E[v_0] is 1.

        E[v_t] = Π_{k≤t} (1 − 1/(n k²)), which tends to sin(π/√n)/(π/√n),
        E[μ_t²] = Σ_{k≤t} E[v_{k−1}]/(n k²) ≤ π²/(6n).
    """
    lost = 1 / (n * np.arange(1, rounds + 1) ** 2)
    variance = np.cumprod(1 - lost, dtype=np.float64)
    before = np.concatenate([[1.0], variance[:-1]])
    return Expected(variance, np.cumsum(before * lost, dtype=np.float64))


def expect_fresh(n: int, share: float, rounds: int) -> Expected:
    """Return the expected variance and squared mean of the model after each fit, for the regime `fresh`.

    Each generation is fitted to w·n new human items and to (1 − w)·n items of the previous generation. `share` is w.
    The first generation is fitted to n human items. v_t and μ_t are the variance and the mean after fit t, and E[μ_0²]
    is 0:

        E[μ_t²] = 1/n + E[μ_{t−1}²]·((1 − w)² − (1 − w)/n),
        E[v_t] = 1 − E[μ_t²].

    Derived here: the mean of a fit is w·x̄ + (1 − w)·ȳ, where x̄ is the mean of the human items and ȳ the mean of the
    model items. x̄ has the variance 1/(wn). ȳ differs from the mean of the previous model with the variance
    E[v_{t−1}]/((1 − w)n). E[v] + E[μ²] = 1 in every round. Raises ValueError if w·n is not a whole number.
    """
    w = humans_of(n, share) / n
    mean_squared = np.zeros(rounds + 1)
    for t in range(1, rounds + 1):
        mean_squared[t] = 1 / n + mean_squared[t - 1] * ((1 - w) ** 2 - (1 - w) / n)
    return Expected(1 - mean_squared[1:], mean_squared[1:])


def expect_fresh_at_last(n: int, share: float) -> tuple[float, float]:
    """Return the limits of E[v] and E[μ²] as the number of rounds grows, for the regime `fresh`.

    v and μ are the variance and the mean of the model, n is the number of its training items, and w is `share`, the
    share of new human items among them. E[μ²] = 1/(n·w(2 − w) + 1 − w), and E[v] = 1 − E[μ²]. Raises ValueError if w·n
    is not a whole number.
    """
    w = humans_of(n, share) / n
    mean_squared = 1 / (n * w * (2 - w) + 1 - w)
    return 1 - mean_squared, mean_squared


def humans_of(n: int, share: float) -> int:
    """Return the number of human items among n items: `share`·n.

    Raises ValueError if this is not a whole number from 0 to n, because no formula of this module is exact then.
    """
    humans = round(share * n)
    if not 0 <= share <= 1 or abs(humans - share * n) > 1e-9:
        raise ValueError(
            f"{share} of {n} items is not a whole number from 0 to {n}: choose another share or n, such as a share of "
            "0.1 with n = 100"
        )
    return humans


def weighted_error_at_last(weight: float, humans: int, synthetic: int) -> float:
    """Return the limit of E[μ²] as the number of rounds grows, if the mean of each model is w·x̄ + (1 − w)·ȳ.

    μ is the mean of the model; its variance is always 1. `weight` is w, x̄ is the mean of new human items, and ȳ is the
    mean of items of the previous model (He et al. 2025, 2502.18049). `humans` and `synthetic` are n_human and
    n_synthetic, the numbers of these items.

        E[μ_t²] = w²/n_human + (1 − w)²·(E[μ_{t−1}²] + 1/n_synthetic),
        limit = (w²/n_human + (1 − w)²/n_synthetic) / (w·(2 − w)).

    The limit is smallest at w = `golden_ratio(humans / synthetic)`.
    """
    return (weight**2 / humans + (1 - weight) ** 2 / synthetic) / (weight * (2 - weight))
