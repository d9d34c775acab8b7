"""Gaussian mixtures fitted by expectation–maximization, many chains at once."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from simulator.families.base import Arrays, Items
from simulator.families.em import Parameters, Rules, maximize
from simulator.families.kmeans import CANDIDATES, memberships
from simulator.families.mixtures import Mixture

Covariance = Literal["full", "diagonal"]

# As many chains at once as stay in a core's cache at n = 1,000; more would be slower, not faster.
_CHUNK = 8

# Points, drawn at random, that show where a start lies; the fit is to all.
_ENOUGH = 1_024


@dataclass(frozen=True)
class GMM:
    """A mixture of Gaussians a chain, in any number of dimensions.

    scikit-learn's `GaussianMixture` in what it does, down to the rule to stop and the regularization; its own in how.
    """

    components: int = 10
    """Gaussians in the mixture"""
    covariance: Covariance = "full"
    """`full`: any covariance. `diagonal`: coordinates independent within a component"""
    tolerance: float = 1e-3
    """a chain has converged when an iteration gains less mean log-likelihood than this, in nats an item"""
    max_iterations: int = 100
    """iterations at most"""
    restarts: int = 1
    """starts; the one of the highest likelihood is kept"""
    regularization: float = 1e-6
    """added to every variance, so that a component cannot collapse onto a point"""

    def __post_init__(self) -> None:
        if min(self.components, self.max_iterations, self.restarts) < 1 or self.regularization < 0:
            raise ValueError(
                f"{self} is impossible: components, iterations and restarts are 1 or more, regularization 0 or more"
            )

    def fit(self, items: Items, rng: np.random.Generator) -> Mixture:
        """Fit each chain's mixture to `items[n, C, d]`, from starts that `rng` draws.

        Raises ValueError for items that are not all finite.
        """
        if not np.isfinite(items).all():
            raise ValueError("some items are not finite: look at what the generation before has made of them")
        uniforms = torch.from_numpy(rng.random((self.restarts, items.shape[1], self.components, CANDIDATES)))
        n = len(items)
        rows = None if n <= _ENOUGH else torch.from_numpy(np.sort(rng.choice(n, _ENOUGH, replace=False)))
        points = torch.from_numpy(np.ascontiguousarray(items.transpose(1, 0, 2)))
        centre = points.mean(dim=1, keepdim=True)
        chunks = [slice(first, first + _CHUNK) for first in range(0, len(points), _CHUNK)]
        fitted = [self._best(points[some] - centre[some], uniforms[:, some], rows) for some in chunks]
        weights, means, covariances = (torch.cat(parts) for parts in zip(*fitted, strict=True))
        return Mixture(weights.numpy(), (means + centre).numpy(), covariances.numpy())

    def restore(self, arrays: Arrays) -> Mixture:
        """The mixture whose arrays these are."""
        return Mixture(**arrays)

    def _best(self, points: Tensor, uniforms: Tensor, rows: Tensor | None) -> Parameters:
        """The likeliest of the restarts of each chain; `points[B, n, d]`, `uniforms[restarts, B, K, …]`."""
        best, likelihood = maximize(points, memberships(points, uniforms[0], rows), self._rules)
        for start in uniforms[1:]:
            other, reached = maximize(points, memberships(points, start, rows), self._rules)
            better = reached > likelihood
            best.put(better, other.at(better))
            likelihood = torch.maximum(likelihood, reached)
        return best

    @property
    def _rules(self) -> Rules:
        return Rules(self.tolerance, self.max_iterations, self.regularization, self.covariance == "diagonal")
