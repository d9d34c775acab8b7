"""Linear regression refitted to its own labels: the excess test error |β̂ − β|² (Gerstgrasser et al. 2024, 2404.01413).

T samples a round, d isotropic normal inputs, labels with noise σ². Least squares to T samples misses by
σ²·E[tr (XᵀX)⁻¹] = σ²·d/(T − d − 1).
"""

import numpy as np

from simulator.families.base import Floats


def expect_regression_replace(samples: int, dimensions: int, rounds: int, noise: float = 1.0) -> Floats:
    """σ²·d/(T − d − 1)·t after t = 1 … rounds fits, `[rounds]`, whether the inputs are new each round or the same."""
    return _once(samples, dimensions, noise) * np.arange(1, rounds + 1, dtype=np.float64)


def expect_regression_accumulate(samples: int, dimensions: int, rounds: int, noise: float = 1.0) -> Floats:
    """σ²·d/(T − d − 1)·Σ_{i≤t} 1/i² ≤ σ²·d/(T − d − 1)·π²/6, `[rounds]`. Exact where each round has the same inputs.

    With new inputs each round it is not: d = 10, T = 20, round 20 gives 1.48 against its 1.77.
    """
    return _once(samples, dimensions, noise) * np.cumsum(1 / np.arange(1, rounds + 1, dtype=np.float64) ** 2)


def _once(samples: int, dimensions: int, noise: float) -> float:
    if samples < dimensions + 2:
        raise ValueError(f"with {dimensions} dimensions the error is finite from {dimensions + 2} samples on")
    return noise**2 * dimensions / (samples - dimensions - 1)
