"""A Gaussian whose output a verifier filters (Feng et al. 2024, 2406.07515)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from simulator.families.base import Items
from simulator.families.gaussian import Estimator, Gaussian
from simulator.families.mixtures import Mixture

#: Times that an item which the verifier refused is drawn again.
TRIES = 10_000


@dataclass(frozen=True)
class Verified:
    """A Gaussian that samples until a verifier keeps it: right items at the rate φ, wrong ones at the rate ψ.

    An item is right where it lies within the central share of the human distribution N(mean, std²), along each axis the
    same: where |x − mean|² is no more than that share of such data has. The verifier thus knows the truth but for its
    errors, and n items are made however many it refuses. What is measured of the model is what was fitted.
    """

    keep_right: float = 1.0
    """φ = P(keep | right)"""
    keep_wrong: float = 0.0
    """ψ = P(keep | wrong)"""
    central: float = 0.9
    """the share of human data that is right"""
    mean: float = 0.0
    """of the human data"""
    std: float = 1.0
    """of the human data"""
    estimator: Estimator = "mle"
    """as a Gaussian's"""

    def __post_init__(self) -> None:
        if not all(0 <= rate <= 1 for rate in (self.keep_right, self.keep_wrong, self.central)):
            raise ValueError("rates of keeping, and the central share, are from 0 to 1")

    def fit(self, items: Items, rng: np.random.Generator) -> "Filtered":
        """Fit each chain's Gaussian to `items[n, C, d]`."""
        fitted = Gaussian(self.estimator).fit(items, rng)
        return Filtered(fitted.weights, fitted.means, fitted.covariances, self)

    def keeps(self, items: Items, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """What the verifier says of each of `items[n, C, d]`, `[n, C]`."""
        away = ((items - self.mean) ** 2).sum(axis=2)
        right = away <= self.std**2 * stats.chi2.ppf(self.central, items.shape[2])
        return np.asarray(rng.random(right.shape) < np.where(right, self.keep_right, self.keep_wrong))


@dataclass(frozen=True)
class Filtered(Mixture):
    """A mixture that samples what a verifier keeps."""

    verifier: Verified

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items that were kept, `[n, C, d]`. Raises ValueError where hardly any is."""
        items = super().sample(n, rng)
        refused = ~self.verifier.keeps(items, rng)
        for _ in range(TRIES):
            if not refused.any():
                return items
            again = super().sample(n, rng)
            items[refused] = again[refused]
            refused &= ~self.verifier.keeps(again, rng)
        raise ValueError(f"the verifier keeps less than one item in {TRIES} of a chain: it is too strict for the model")
