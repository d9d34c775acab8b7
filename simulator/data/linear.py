"""Linear data: inputs, and labels that follow from them but for noise (Gerstgrasser et al. 2024, 2404.01413)."""

from dataclasses import dataclass

import numpy as np

from simulator.data.corpora import digest_of_law
from simulator.families.base import Fitted, Floats, Items
from simulator.families.regression import Line, Regression
from simulator.randomness import generator


@dataclass(frozen=True)
class Linear:
    """Rows [x, y] with x ~ N(0, I) in d dimensions and y = x·β + noise; β has length 1, all entries alike."""

    n: int = 1000
    """human items that there are before round 1"""
    dimensions: int = 10
    """d, of the inputs"""
    noise: float = 1.0
    """σ, the labels' standard deviation; the family's is the same in the paper"""

    held_out = None
    truth = None
    labelled = None

    def __post_init__(self) -> None:
        if min(self.n, self.dimensions) < 1 or self.noise < 0:
            raise ValueError(f"{self} is impossible: n and d are at least 1, and noise is not negative")

    @property
    def coefficients(self) -> Floats:
        """β, `[d]`."""
        return np.full(self.dimensions, self.dimensions**-0.5)

    def pool(self, chains: int, seed: int) -> Items:
        """The `n` human items that there are before round 1, `[n, C, d + 1]`; every chain has its own."""
        return self._draw(self.n, chains, generator(seed, "human pool"))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n new human items for a round, `[n, C, d + 1]`."""
        return self._draw(n, chains, generator(seed, "human fresh", round))

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """|β̂ − β|², `[C]`: what the squared error of a prediction is above σ². In round 0 that of its rows."""
        line = fitted if isinstance(fitted, Line) else Regression().fit(items, generator(0, "unused"))
        return {"test_error": ((line.coefficients - self.coefficients) ** 2).sum(axis=1)}

    def digest(self) -> str:
        """`sha256:<hex>` of the law's settings, for the data are drawn anew for each seed."""
        return digest_of_law(self)

    def images(self, items: Items) -> None:
        """None: these are no pictures."""
        return None

    def _draw(self, n: int, chains: int, rng: np.random.Generator) -> Items:
        x = rng.standard_normal((n, chains, self.dimensions))
        y = x @ self.coefficients + self.noise * rng.standard_normal((n, chains))
        return np.concatenate([x, y[..., np.newaxis]], axis=2)
