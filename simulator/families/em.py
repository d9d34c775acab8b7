"""Expectation–maximization for Gaussian mixtures, for a batch of B chains, with two matrix products per iteration.

n is the number of points, d the number of dimensions, and K the number of Gaussians (components) in a mixture. A
membership r is the probability that a component generated a point. Each point x has the features φ(x) = (1, x, xᵢxⱼ for
i ≤ j). The log density of a component is linear in them: θ·φ(x). The next parameters follow from the sums Σ r φ(x),
weighted by the memberships r (Dempster, Laird and Rubin 1977, for an exponential family). So an iteration computes Θ Φ,
a softmax, and R Φᵀ, where Θ, Φ and R are the matrices of θ, φ and r. Points must be centred: the difference of two
large squares would have a large rounding error.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class MixtureParameters(NamedTuple):
    """The parameters of B mixtures with K components, in float64.

    The shapes are `weights[B, K]`, `means[B, K, d]` and `covariances[B, K, d, d]`.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def at(self, chains: Tensor) -> "MixtureParameters":
        """Return the parameters of some chains. `chains` has their indices, or is a mask."""
        return MixtureParameters(*(part[chains] for part in self))

    def put(self, chains: Tensor, of: "MixtureParameters") -> None:
        """Replace the parameters of some chains in place by `of`. `chains` has their indices, or is a mask."""
        for mine, theirs in zip(self, of, strict=True):
            mine[chains] = theirs


class FitRules(NamedTuple):
    """The rule that stops the iteration, and the limits of covariances."""

    tolerance: float
    """a chain has converged if an iteration changes its mean log-likelihood by less than this, in nats"""
    max_iterations: int
    regularization: float
    """added to every variance, so that a component cannot collapse onto a point"""
    diagonal: bool
    """whether covariances are diagonal"""


def maximize(points: Tensor, start: Tensor, rules: FitRules) -> tuple[MixtureParameters, Tensor]:
    """Fit mixtures to centred `points[B, n, d]`, beginning with the memberships `start[B, K, n]`.

    Iterate until each chain has converged; a converged chain leaves the batch. Return the parameters, and the mean
    log-likelihood of each chain, `[B]`, in nats. This log-likelihood belongs to the parameters before the last
    iteration.
    """
    phi, d = features(points), points.shape[2]
    best = maximization(phi, start, d, rules)
    likelihood = torch.full((len(points),), -torch.inf, dtype=points.dtype)
    active, parameters, last = torch.arange(len(points)), best, likelihood.clone()
    for _ in range(rules.max_iterations):
        now, memberships = expectation(phi, parameters)
        parameters = maximization(phi, memberships, d, rules)
        best.put(active, parameters)
        likelihood[active] = now
        going = (now - last).abs() >= rules.tolerance
        if not going.any():
            break
        if not going.all():
            active, phi, parameters, now = active[going], phi[going], parameters.at(going), now[going]
        last = now
    return best, likelihood


def features(points: Tensor) -> Tensor:
    """Return the features φ of `points[B, n, d]`: `[B, 1 + d + d(d+1)/2, n]`."""
    rows, columns = torch.triu_indices(points.shape[2], points.shape[2])
    x = points.transpose(1, 2).contiguous()
    return torch.cat([torch.ones_like(x[:, :1]), x, x[:, rows] * x[:, columns]], dim=1)


def expectation(phi: Tensor, parameters: MixtureParameters) -> tuple[Tensor, Tensor]:
    """Return the mean log-likelihood of each chain, `[B]`, in nats, and the memberships, `[B, K, n]`.

    The memberships of a point sum to 1 over the K components. `phi` has the features of the points.
    """
    joint = _natural(parameters) @ phi
    highest = joint.amax(dim=1, keepdim=True)
    joint = joint.sub_(highest).exp_()
    total = joint.sum(dim=1, keepdim=True)
    likelihood = (highest + total.log()).mean(dim=(1, 2))
    return likelihood, joint.div_(total)


def maximization(phi: Tensor, memberships: Tensor, d: int, rules: FitRules) -> MixtureParameters:
    """Return the mixture parameters that follow from memberships `[B, K, n]`.

    `phi` has the features of the points. A component without members keeps a weight near 0.
    """
    sums = memberships @ phi.transpose(1, 2)  # [B, K, features]
    count = sums[..., :1] + 10 * torch.finfo(sums.dtype).eps
    means = sums[..., 1 : d + 1] / count
    squares = _unfold(sums[..., d + 1 :] / count, d)
    covariances = squares - means.unsqueeze(-1) * means.unsqueeze(-2)
    if rules.diagonal:
        covariances = covariances * torch.eye(d, dtype=sums.dtype)
    covariances.diagonal(dim1=-2, dim2=-1).add_(rules.regularization)
    return MixtureParameters(count[..., 0] / count.sum(dim=1), means, covariances)


def _natural(parameters: MixtureParameters) -> Tensor:
    """Return θ, `[B, K, features]`, with θ·φ(x) = log(weight) + log N(x; mean, covariance)."""
    weights, means, covariances = parameters
    d = means.shape[-1]
    root = _cholesky(covariances)
    precision = torch.cholesky_inverse(root)
    linear = (precision @ means.unsqueeze(-1)).squeeze(-1)
    log_determinant = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    constant = weights.log() - 0.5 * (log_determinant + (linear * means).sum(dim=-1) + d * _LOG_TWO_PI)
    rows, columns = torch.triu_indices(d, d)
    twice = torch.where(rows == columns, -0.5, -1.0).to(means.dtype)  # the feature xᵢxⱼ also represents xⱼxᵢ
    return torch.cat([constant.unsqueeze(-1), linear, twice * precision[..., rows, columns]], dim=-1)


_LOG_TWO_PI = 1.8378770664093453


# The smallest scale of the numbers that are added to variances if a matrix has no root: all variances can be 0.
_SMALLEST_VARIANCE = 1e-12


def _cholesky(covariances: Tensor) -> Tensor:
    """Return lower Cholesky roots `[…, d, d]`.

    If rounding errors made a matrix indefinite, its diagonal is increased until it has a root.
    """
    root: Tensor
    root, failed = torch.linalg.cholesky_ex(covariances)
    diagonal = covariances.diagonal(dim1=-2, dim2=-1)
    scale = diagonal.abs().mean(dim=-1, keepdim=True) + _SMALLEST_VARIANCE
    jitter = torch.zeros_like(scale)
    while failed.any() and (jitter < 1).all():
        jitter = torch.where(failed.unsqueeze(-1) > 0, 10 * jitter + torch.finfo(scale.dtype).eps, jitter)
        root, failed = torch.linalg.cholesky_ex(covariances + torch.diag_embed((jitter * scale).expand_as(diagonal)))
    return root


def _unfold(upper: Tensor, d: int) -> Tensor:
    """Return symmetric matrices `[…, d, d]` from their upper triangles `[…, d(d+1)/2]`."""
    rows, columns = torch.triu_indices(d, d)
    where = torch.empty((d, d), dtype=torch.long)
    where[rows, columns] = where[columns, rows] = torch.arange(len(rows))
    return upper[..., where]
