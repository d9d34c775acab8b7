"""One Gaussian a chain: the smallest model that collapses, and the one whose collapse is known exactly."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.models.base import Items
from simulator.models.mixtures import Mixture

Estimator = Literal["mle", "unbiased"]


@dataclass(frozen=True)
class Gaussian:
    """A mean and a covariance a chain, in any number of dimensions."""

    estimator: Estimator = "mle"
    """`mle` divides the sum of squares by n, `unbiased` by n − 1; papers mix the two, and their limits differ"""

    def fit(self, items: Items, rng: np.random.Generator) -> Mixture:
        """Estimate each chain's mean and covariance from `items[n, C, d]`. Needs no randomness.

        Raises ValueError where there are too few items.
        """
        n = len(items)
        divisor = n if self.estimator == "mle" else n - 1
        if divisor < 1:
            raise ValueError(f"a Gaussian by {self.estimator} needs more than {n} items: select more for each round")
        mean = items.mean(axis=0)
        away = items - mean
        covariance = np.einsum("nci,ncj->cij", away, away) / divisor
        return Mixture(np.ones((len(mean), 1)), mean[:, np.newaxis], covariance[:, np.newaxis])
