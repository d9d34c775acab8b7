"""Gaussian mixtures that are fitted by expectation–maximization, for many chains at once."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from simulator.families.base import Arrays, Items
from simulator.families.em import FitRules, MixtureParameters, maximize
from simulator.families.kmeans import CANDIDATES, memberships
from simulator.families.mixtures import Mixture
from simulator.ranges import check_least

Covariance = Literal["full", "diagonal"]

# The number of chains that are fitted at once. At n = 1,000, more chains do not fit into a core's cache and are slower.
_CHUNK = 8

# The number of random points that are used for the start. The fit uses all points.
_ENOUGH = 1_024


@dataclass(frozen=True)
class GMM:
    """a mixture of Gaussians per chain, in any number of dimensions

    The fit has the same stopping rule and regularization as `GaussianMixture` of scikit-learn. From the same starting
    point, both give the same result.
    """

    components: int = 10
    """number of Gaussians in the mixture"""
    covariance: Covariance = "full"
    """`full`: any covariance; `diagonal`: independent coordinates within a component"""
    tolerance: float = 1e-3
    """a chain has converged if an iteration changes its mean log-likelihood by less than this, in nats per item"""
    max_iterations: int = 100
    """largest number of iterations of a fit"""
    restarts: int = 1
    """number of random starting points of a fit; the fit with the highest likelihood is used"""
    regularization: float = 1e-6
    """added to every variance, so that a component cannot collapse onto a point"""

    def __post_init__(self) -> None:
        check_least(1, components=self.components, max_iterations=self.max_iterations, restarts=self.restarts)
        check_least(0, regularization=self.regularization)

    def fit(self, items: Items, rng: np.random.Generator) -> Mixture:
        """Fit the mixture of each chain to `items[n, C, d]`, from random starts.

        Raises ValueError if an item is not finite, that is, if it has an infinite or undefined value.
        """
        if not np.isfinite(items).all():
            raise ValueError(
                "some training items are not finite numbers, because the fit of the previous model failed: "
                "use a larger n"
            )
        uniforms = torch.from_numpy(rng.random((self.restarts, items.shape[1], self.components, CANDIDATES)))
        n = len(items)
        rows = None if n <= _ENOUGH else torch.from_numpy(np.sort(rng.choice(n, _ENOUGH, replace=False)))
        points = torch.from_numpy(np.ascontiguousarray(items.transpose(1, 0, 2)))
        centre = points.mean(dim=1, keepdim=True)
        chunks = [slice(first, first + _CHUNK) for first in range(0, len(points), _CHUNK)]
        fitted = [self._best(points[part] - centre[part], uniforms[:, part], rows) for part in chunks]
        weights, means, covariances = (torch.cat(parts) for parts in zip(*fitted, strict=True))
        return Mixture(weights.numpy(), (means + centre).numpy(), covariances.numpy())

    def restore(self, arrays: Arrays) -> Mixture:
        """Return the fitted models whose method `arrays()` returned these arrays."""
        return Mixture(**arrays)

    def _best(self, points: Tensor, uniforms: Tensor, rows: Tensor | None) -> MixtureParameters:
        """Return the fit with the highest likelihood for each of B chains.

        `points[B, n, d]` are the items, `uniforms[restarts, B, K, candidates]` are uniform random numbers that
        determine the starts. If `rows` is given, only the points with these indices are used for the starts.
        """
        best, likelihood = maximize(points, memberships(points, uniforms[0], rows), self._rules)
        for start in uniforms[1:]:
            other, reached = maximize(points, memberships(points, start, rows), self._rules)
            better = reached > likelihood
            best.put(better, other.at(better))
            likelihood = torch.maximum(likelihood, reached)
        return best

    @property
    def _rules(self) -> FitRules:
        return FitRules(self.tolerance, self.max_iterations, self.regularization, self.covariance == "diagonal")
