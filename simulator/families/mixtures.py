"""Gaussian mixtures, one per chain: samples, density, moments, and exact distances between mixtures.

A single Gaussian is a mixture of one component. The true distribution of a corpus is a mixture for one chain (C = 1).
"""

from dataclasses import dataclass

import numpy as np

from simulator.families.base import Arrays, Floats, Items, Points

# The smallest variance in densities, so that a model that has collapsed to a point still has a density.
_SMALLEST_VARIANCE = 1e-12

# The largest number of values that are computed at once. Larger arrays do not fit into the cache, and need new memory
# pages each time.
_VALUES = 2**16


@dataclass(frozen=True)
class Mixture:
    """A mixture of K Gaussians for each of C chains, in d dimensions.

    The shapes are `weights[C, K]` (their sum is 1 for each chain), `means[C, K, d]` and `covariances[C, K, d, d]`.
    """

    weights: Floats
    means: Floats
    covariances: Floats

    @property
    def components(self) -> int:
        """K, the number of Gaussians."""
        return int(self.weights.shape[1])

    def arrays(self) -> Arrays:
        """Return `weights`, `means` and `covariances`, by these names."""
        return {"weights": self.weights, "means": self.means, "covariances": self.covariances}

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n items, `[n, C, d]`.

        For each item, a component is selected with its weight as probability, then a point is drawn from this
        component.
        """
        chains, _, d = self.means.shape
        chosen, noise = rng.random((n, chains)), rng.standard_normal((n, chains, d))
        at_once = max(1, _VALUES // max(1, n * d))
        items = np.empty_like(noise)
        for first in range(0, chains, at_once):
            part = slice(first, first + at_once)
            items[:, part] = self._draw(part, chosen[:, part], noise[:, part])
        return items

    def _draw(self, chains: slice, chosen: Floats, noise: Floats) -> Floats:
        """Return items of B chains, `[n, B, d]`, for `chosen[n, B]` in [0, 1) and standard normal `noise[n, B, d]`."""
        means, roots = self.means[chains, ..., np.newaxis], power(self.covariances[chains], 0.5)
        ladder = np.cumsum(self.weights[chains], axis=1)[..., np.newaxis, np.newaxis]
        x = np.ascontiguousarray(noise.transpose(1, 2, 0))  # items last, so that the longest loop is the innermost
        drawn = np.ascontiguousarray(chosen.T)[:, np.newaxis]
        items = roots[:, 0] @ x + means[:, 0]
        # component k replaces the item if the random number is above the sum of the earlier weights
        for k in range(1, self.components):
            items = np.where(drawn > ladder[:, k - 1], roots[:, k] @ x + means[:, k], items)
        return items.transpose(2, 0, 1)

    def log_density(self, points: Points) -> Floats:
        """Return the natural logarithm of the density of each chain's mixture at `points[m, d]`: `[m, C]`."""
        return np.stack([self._log_density_of(chain, points) for chain in range(len(self.weights))], axis=1)

    def _log_density_of(self, chain: int, points: Points) -> Floats:
        away = points.T - self.means[chain, :, :, np.newaxis]  # [K, d, m]
        distance = ((power(self.covariances[chain], -0.5) @ away) ** 2).sum(axis=1)
        with np.errstate(divide="ignore"):  # the logarithm of a weight of 0 is −∞, which adds nothing
            height = np.log(self.weights[chain]) - _half_log_determinant(self.covariances[chain])
        joint = height[:, np.newaxis] - 0.5 * (distance + points.shape[1] * np.log(2 * np.pi))
        return np.asarray(np.logaddexp.reduce(joint, axis=0))

    def moments(self) -> tuple[Floats, Floats]:
        """Return the mean `[C, d]` and the covariance `[C, d, d]` of each chain's mixture."""
        mean = np.einsum("ck,ckd->cd", self.weights, self.means)
        away = self.means - mean[:, np.newaxis]
        between = np.einsum("ck,cki,ckj->cij", self.weights, away, away)
        return mean, np.einsum("ck,ckij->cij", self.weights, self.covariances) + between


def w2_squared(a: Mixture, b: Mixture) -> Floats:
    """Return the squared 2-Wasserstein distance between two mixtures for each chain, `[C]`.

    Each mixture is replaced by the Gaussian with the same mean and covariance, so the distance is exact if both
    mixtures are single Gaussians. With the means μ and ν and the covariances Σ and T, the distance is

        |μ − ν|² + tr(Σ + T − 2(T^½ Σ T^½)^½) (Dowson and Landau 1982).

    If one of the mixtures has a single chain, it is compared with every chain of
    the other.
    """
    (mean, covariance), (other_mean, other) = a.moments(), b.moments()
    root = power(other, 0.5)
    crossed = np.linalg.eigvalsh(root @ covariance @ root)
    traces = np.trace(covariance, axis1=1, axis2=2) + np.trace(other, axis1=1, axis2=2)
    distance = ((mean - other_mean) ** 2).sum(axis=1) + traces - 2 * np.sqrt(np.maximum(crossed, 0)).sum(axis=1)
    return np.asarray(np.maximum(distance, 0))


def l2_squared(a: Mixture, b: Mixture) -> Floats:
    """Return the squared L₂ distance between the densities p and q of two mixtures for each chain, `[C]`: ∫ (p − q)².

    If one of the mixtures has a single chain, it is compared with every chain of the other. The distance follows from

        ∫ p q = Σᵢⱼ aᵢ bⱼ N(μᵢ − μⱼ; 0, Σᵢ + Σⱼ),

    where aᵢ, μᵢ, Σᵢ are the weights, means and covariances of p, and bⱼ, μⱼ, Σⱼ those of q (Shumailov et al. 2023,
    section 4.2). ∫ p² grows without limit if the variances of p go to 0.
    """
    return _product(a, a) - 2 * _product(a, b) + _product(b, b)


def _product(a: Mixture, b: Mixture) -> Floats:
    """Return ∫ p q, where p and q are the densities of two mixtures, `[C]`."""
    away = a.means[:, :, np.newaxis] - b.means[:, np.newaxis]  # [C, K, L, d]
    spread = a.covariances[:, :, np.newaxis] + b.covariances[:, np.newaxis]
    distance = (np.einsum("cklij,cklj->ckli", power(spread, -0.5), away) ** 2).sum(axis=-1)
    log_normal = -0.5 * (distance + away.shape[-1] * np.log(2 * np.pi)) - _half_log_determinant(spread)
    return np.asarray(np.einsum("ck,cl,ckl->c", a.weights, b.weights, np.exp(log_normal)))


def power(covariances: Floats, exponent: float) -> Floats:
    """Return each symmetric matrix of `[..., d, d]`, raised to a power: 0.5 gives the square root.

    The result is symmetric and unique. If the exponent is negative, eigenvalues below 1e-12 are replaced by 1e-12, so
    the result also exists for singular matrices.
    """
    values, vectors = np.linalg.eigh(covariances)
    floor = 0.0 if exponent > 0 else _SMALLEST_VARIANCE
    powers = np.maximum(values, floor) ** exponent
    return np.asarray((vectors * powers[..., np.newaxis, :]) @ np.swapaxes(vectors, -1, -2))


def _half_log_determinant(covariances: Floats) -> Floats:
    """Return half the logarithm of the determinant of each matrix `[..., d, d]`: `[...]`."""
    return np.asarray(0.5 * np.log(np.maximum(np.linalg.eigvalsh(covariances), _SMALLEST_VARIANCE)).sum(axis=-1))
