"""A Gaussian whose output a verifier filters (Feng et al. 2024, 2406.07515)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from simulator.families.base import Items
from simulator.families.gaussian import Estimator, Gaussian
from simulator.families.mixtures import Mixture

#: The number of times that a refused item is drawn again.
TRIES = 10_000


@dataclass(frozen=True)
class Verified:
    """a Gaussian whose samples a verifier filters: it keeps right items at the rate φ, wrong ones at the rate ψ

    An item is right if it is in the central part of the human distribution N(mean, std²), which is the same along each
    axis: if |x − mean|² is at most the quantile of `central`. So the verifier knows the truth, up to its error rates.
    Refused items are drawn again until n are kept. Metrics of the model are those of the fit.
    """

    keep_right: float = 1.0
    """φ = P(keep | right)"""
    keep_wrong: float = 0.0
    """ψ = P(keep | wrong)"""
    central: float = 0.9
    """share of human data that is right"""
    mean: float = 0.0
    """of the human data, along each axis"""
    std: float = 1.0
    """of the human data, along each axis"""
    estimator: Estimator = "mle"
    """`mle` or `unbiased`, as for the family gaussian"""

    def __post_init__(self) -> None:
        if not all(0 <= rate <= 1 for rate in (self.keep_right, self.keep_wrong, self.central)):
            raise ValueError(f"{self} is impossible: keep_right, keep_wrong and central must be between 0 and 1")

    def fit(self, items: Items, rng: np.random.Generator) -> "Filtered":
        """Fit each chain's Gaussian to `items[n, C, d]`."""
        fitted = Gaussian(self.estimator).fit(items, rng)
        return Filtered(fitted.weights, fitted.means, fitted.covariances, self)

    def keeps(self, items: Items, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Return which of `items[n, C, d]` the verifier keeps, `[n, C]`."""
        away = ((items - self.mean) ** 2).sum(axis=2)
        right = away <= self.std**2 * stats.chi2.ppf(self.central, items.shape[2])
        return np.asarray(rng.random(right.shape) < np.where(right, self.keep_right, self.keep_wrong))


@dataclass(frozen=True)
class Filtered(Mixture):
    """A mixture whose samples are those that a verifier keeps."""

    verifier: Verified

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items that the verifier keeps, `[n, C, d]`. Raises ValueError if it keeps almost none."""
        items = super().sample(n, rng)
        refused = ~self.verifier.keeps(items, rng)
        for _ in range(TRIES):
            if not refused.any():
                return items
            again = super().sample(n, rng)
            items[refused] = again[refused]
            refused &= ~self.verifier.keeps(again, rng)
        raise ValueError(
            f"the verifier refused an item {TRIES:,} times: it is too strict for the model, use a larger keep_right, "
            "keep_wrong or central"
        )
