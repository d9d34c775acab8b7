"""Linear data: inputs, and labels that are a linear function of them plus noise (Gerstgrasser et al. 2024)."""

from dataclasses import dataclass

import numpy as np

from simulator.data.corpora import digest_of_law
from simulator.families.base import Fitted, Floats, Items
from simulator.families.regression import FittedRegression, Regression
from simulator.randomness import generator
from simulator.ranges import check_least


@dataclass(frozen=True)
class Linear:
    """items [x, y] with x ~ N(0, I) in d dimensions and y = x·β + noise; β has equal entries and the length 1"""

    n: int = 1000
    """number of human items that can be used before round 1"""
    dimensions: int = 10
    """d, the number of dimensions of x"""
    noise: float = 1.0
    """σ, the standard deviation of the noise; in the paper, it equals the setting `noise` of the family `regression`"""

    held_out = None
    truth = None
    labelled = None

    def __post_init__(self) -> None:
        check_least(1, n=self.n, dimensions=self.dimensions)
        check_least(0, noise=self.noise)

    @property
    def coefficients(self) -> Floats:
        """The true coefficients β, `[d]`."""
        return np.full(self.dimensions, self.dimensions**-0.5)

    def pool(self, chains: int, seed: int) -> Items:
        """Return the `n` human items that can be used before round 1, `[n, C, d + 1]`.

        Every chain has its own values.
        """
        return self._draw(self.n, chains, generator(seed, "human pool"))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n new human items for a round, `[n, C, d + 1]`."""
        return self._draw(n, chains, generator(seed, "human fresh", round))

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """Return the metric `test_error` for each of C chains, `[C]`.

        It is |β̂ − β|², the squared distance between fitted and true coefficients, which is the expected squared error
        of a prediction minus σ². If `fitted` is None, β̂ is a least-squares fit to the items.
        """
        line = fitted if isinstance(fitted, FittedRegression) else Regression().fit(items, generator(0, "unused"))
        return {"test_error": ((line.coefficients - self.coefficients) ** 2).sum(axis=1)}

    def digest(self) -> str:
        """Return `sha256:<hex>` of all settings except n: of the distribution from which the items are drawn."""
        return digest_of_law(self)

    def images(self, items: Items) -> None:
        """Return None: items are not pictures."""
        return None

    def _draw(self, n: int, chains: int, rng: np.random.Generator) -> Items:
        x = rng.standard_normal((n, chains, self.dimensions))
        y = x @ self.coefficients + self.noise * rng.standard_normal((n, chains))
        return np.concatenate([x, y[..., np.newaxis]], axis=2)
