"""One Gaussian per chain: the simplest model that collapses. Exact formulas describe its collapse."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from simulator.families.base import ADDED, Items
from simulator.families.mixtures import Mixture

Estimator = Literal["mle", "unbiased"]


@dataclass(frozen=True)
class Gaussian:
    """one Gaussian per chain, in any number of dimensions"""

    estimator: Estimator = "mle"
    """estimator of the variance: `mle` divides the sum of squared deviations by n, `unbiased` by n − 1; papers use
    both, and the limits after many rounds differ"""
    bias: float = field(default=1.0, metadata=ADDED)
    """λ, the factor of the covariance in sampling (Alemohammad et al. 2023); below 1, likely items are preferred"""

    def __post_init__(self) -> None:
        if self.bias < 0:
            raise ValueError(f"bias is {self.bias:g}: it multiplies the covariance, use 0 or more, such as 1")

    def fit(self, items: Items, rng: np.random.Generator) -> Mixture:
        """Estimate the mean and the covariance of each chain from `items[n, C, d]`, without randomness.

        Raises ValueError if there are too few items for the estimator.
        """
        n = len(items)
        divisor = n if self.estimator == "mle" else n - 1
        if divisor < 1:
            raise ValueError(f"the estimator {self.estimator} needs more than {n} items: use a larger n")
        mean = items.mean(axis=0)
        away = items - mean
        covariance = np.einsum("nci,ncj->cij", away, away) / divisor
        fitted = (np.ones((len(mean), 1)), mean[:, np.newaxis], covariance[:, np.newaxis])
        return Mixture(*fitted) if self.bias == 1 else Biased(*fitted, self.bias)


@dataclass(frozen=True)
class Biased(Mixture):
    """A mixture that generates items with λ times its covariances; λ is `bias`.

    Its density and its moments are those of the fit, without λ.
    """

    bias: float

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        return Mixture(self.weights, self.means, self.bias * self.covariances).sample(n, rng)
