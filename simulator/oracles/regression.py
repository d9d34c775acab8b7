"""The expected excess test error of linear regression that is refitted to its own labels (Gerstgrasser et al. 2024).

The excess test error is |β̂ − β|²: β are the true coefficients, and β̂ the fitted ones. Each round has T samples
(`samples`) with d isotropic normal inputs (`dimensions`). Labels have noise of variance σ² (`noise` is σ). The expected
error of least squares on T samples is σ²·E[tr (XᵀX)⁻¹] = σ²·d/(T − d − 1), where X is the matrix of the inputs. The
functions raise ValueError if T < d + 2, because then the formula does not hold.
"""

import numpy as np

from simulator.families.base import Floats


def expect_regression_replace(samples: int, dimensions: int, rounds: int, noise: float = 1.0) -> Floats:
    """Return the expected excess test error after each fit, `[rounds]`, for the regime `replace`.

    After fit t, it is σ²·d/(T − d − 1)·t. It is exact both for new inputs in each round and for fixed inputs.
    """
    return _once(samples, dimensions, noise) * np.arange(1, rounds + 1, dtype=np.float64)


def expect_regression_accumulate(samples: int, dimensions: int, rounds: int, noise: float = 1.0) -> Floats:
    """Return the expected excess test error after each fit, `[rounds]`, for the regime `accumulate`.

    Each model is fitted to the samples of all rounds so far. After fit t, the error is σ²·d/(T − d − 1)·Σ_{i≤t} 1/i² ≤
    σ²·d/(T − d − 1)·π²/6. This is exact for fixed inputs. With new inputs in each round, it is not exact: for d = 10
    and T = 20, the error in round 20 is 1.48, and the formula gives 1.77.
    """
    return _once(samples, dimensions, noise) * np.cumsum(1 / np.arange(1, rounds + 1, dtype=np.float64) ** 2)


def _once(samples: int, dimensions: int, noise: float) -> float:
    if samples < dimensions + 2:
        raise ValueError(f"{samples} samples are too few for {dimensions} dimensions: use at least {dimensions + 2}")
    return noise**2 * dimensions / (samples - dimensions - 1)
