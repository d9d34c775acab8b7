"""A Gaussian with a verifier that filters its output (Feng et al. 2024, 2406.07515)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from simulator.families.base import Items
from simulator.families.gaussian import Estimator, Gaussian
from simulator.families.mixtures import Mixture
from simulator.ranges import check_share

#: The largest number of times that a rejected item is drawn again.
TRIES = 10_000


@dataclass(frozen=True)
class Verified:
    """a Gaussian with a verifier that keeps right samples with probability φ, and wrong samples with probability ψ

    A sample is right if it is in the central part of the human distribution N(mean, std²), which is the same along each
    axis. This part has the share `central` of the distribution: |x − mean|² is at most the quantile of `central`. So
    the verifier knows the true distribution, except for its error rates. Rejected samples are drawn again until n items
    are kept. Metrics of the model are those of the fit, without the verifier.
    """

    keep_right: float = 1.0
    """φ, the probability that the verifier keeps a right sample"""
    keep_wrong: float = 0.0
    """ψ, the probability that the verifier keeps a wrong sample"""
    central: float = 0.9
    """share of the human distribution, around its mean, in which samples are right"""
    mean: float = 0.0
    """mean of the human data, along each axis"""
    std: float = 1.0
    """standard deviation of the human data, along each axis"""
    estimator: Estimator = "mle"
    """estimator of the variance, `mle` or `unbiased`, as for the family `gaussian`"""

    def __post_init__(self) -> None:
        check_share("keep_right", self.keep_right)
        check_share("keep_wrong", self.keep_wrong)
        check_share("central", self.central)

    def fit(self, items: Items, rng: np.random.Generator) -> "Filtered":
        """Fit the Gaussian of each chain to `items[n, C, d]`."""
        fitted = Gaussian(self.estimator).fit(items, rng)
        return Filtered(fitted.weights, fitted.means, fitted.covariances, self)

    def keeps(self, items: Items, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Return a mask of the items that the verifier keeps, `[n, C]`, for `items[n, C, d]`."""
        away = ((items - self.mean) ** 2).sum(axis=2)
        right = away <= self.std**2 * stats.chi2.ppf(self.central, items.shape[2])
        return np.asarray(rng.random(right.shape) < np.where(right, self.keep_right, self.keep_wrong))


@dataclass(frozen=True)
class Filtered(Mixture):
    """A mixture whose samples are filtered by a verifier."""

    verifier: Verified

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n items that the verifier keeps, `[n, C, d]`.

        Raises ValueError if the verifier rejects an item `TRIES` times.
        """
        items = super().sample(n, rng)
        refused = ~self.verifier.keeps(items, rng)
        for _ in range(TRIES):
            if not refused.any():
                return items
            again = super().sample(n, rng)
            items[refused] = again[refused]
            refused &= ~self.verifier.keeps(again, rng)
        raise ValueError(
            f"the verifier rejected an item {TRIES:,} times, because its settings are too strict for the model "
            f"(keep_right={self.verifier.keep_right:g}, keep_wrong={self.verifier.keep_wrong:g}, "
            f"central={self.verifier.central:g}): use a larger value for one of them"
        )
