"""Expectation–maximization for Gaussian mixtures, a batch of B chains at once, as two matrix products an iteration.

With the features φ(x) = (1, x, xᵢxⱼ for i ≤ j) of each point, a component's log density is linear, θ·φ(x), and all that
the next component needs are the weighted sums Σ r φ(x) (Dempster, Laird and Rubin 1977, for an exponential family). So
an iteration is Θ Φ, a softmax, and R Φᵀ. Points must be centred: the squares that cancel are then small.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Parameters(NamedTuple):
    """`weights[B, K]`, `means[B, K, d]`, `covariances[B, K, d, d]`, float64."""

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def at(self, chains: Tensor) -> "Parameters":
        """Those of some of the chains, by index or mask."""
        return Parameters(*(part[chains] for part in self))

    def put(self, chains: Tensor, of: "Parameters") -> None:
        """Write those of some of the chains in place."""
        for mine, theirs in zip(self, of, strict=True):
            mine[chains] = theirs


class Rules(NamedTuple):
    """When to stop, and what keeps a component from collapsing onto a point."""

    tolerance: float  # on the gain in mean log-likelihood of an iteration, nats
    max_iterations: int
    regularization: float  # added to every variance
    diagonal: bool  # covariances of independent coordinates


def maximize(points: Tensor, start: Tensor, rules: Rules) -> tuple[Parameters, Tensor]:
    """Climb from the memberships `start[B, K, n]` of centred `points[B, n, d]` until each chain's gain is small.

    Returns the parameters and each chain's mean log-likelihood `[B]` in nats, that of the parameters but one step
    before. A chain that has converged leaves the batch, and costs nothing more.
    """
    phi, d = features(points), points.shape[2]
    found = maximization(phi, start, d, rules)
    likelihood = torch.full((len(points),), -torch.inf, dtype=points.dtype)
    active, parameters, last = torch.arange(len(points)), found, likelihood.clone()
    for _ in range(rules.max_iterations):
        now, memberships = expectation(phi, parameters)
        parameters = maximization(phi, memberships, d, rules)
        found.put(active, parameters)
        likelihood[active] = now
        going = (now - last).abs() >= rules.tolerance
        if not going.any():
            break
        if not going.all():
            active, phi, parameters, now = active[going], phi[going], parameters.at(going), now[going]
        last = now
    return found, likelihood


def features(points: Tensor) -> Tensor:
    """`points[B, n, d]` → φ, `[B, 1 + d + d(d+1)/2, n]`."""
    rows, columns = torch.triu_indices(points.shape[2], points.shape[2])
    x = points.transpose(1, 2).contiguous()
    return torch.cat([torch.ones_like(x[:, :1]), x, x[:, rows] * x[:, columns]], dim=1)


def expectation(phi: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    """Each chain's mean log-likelihood `[B]` in nats, and each point's memberships `[B, K, n]` that sum to 1."""
    joint = _natural(parameters) @ phi
    highest = joint.amax(dim=1, keepdim=True)
    joint = joint.sub_(highest).exp_()
    total = joint.sum(dim=1, keepdim=True)
    likelihood = (highest + total.log()).mean(dim=(1, 2))
    return likelihood, joint.div_(total)


def maximization(phi: Tensor, memberships: Tensor, d: int, rules: Rules) -> Parameters:
    """The parameters that memberships `[B, K, n]` give. A component that nobody belongs to keeps a weight near 0."""
    sums = memberships @ phi.transpose(1, 2)  # [B, K, features]
    count = sums[..., :1] + 10 * torch.finfo(sums.dtype).eps
    means = sums[..., 1 : d + 1] / count
    squares = _unfold(sums[..., d + 1 :] / count, d)
    covariances = squares - means.unsqueeze(-1) * means.unsqueeze(-2)
    if rules.diagonal:
        covariances = covariances * torch.eye(d, dtype=sums.dtype)
    covariances.diagonal(dim1=-2, dim2=-1).add_(rules.regularization)
    return Parameters(count[..., 0] / count.sum(dim=1), means, covariances)


def _natural(parameters: Parameters) -> Tensor:
    """θ, `[B, K, features]`, such that θ·φ(x) = log(weight) + log N(x; mean, covariance)."""
    weights, means, covariances = parameters
    d = means.shape[-1]
    root = _cholesky(covariances)
    precision = torch.cholesky_inverse(root)
    linear = (precision @ means.unsqueeze(-1)).squeeze(-1)
    log_determinant = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    constant = weights.log() - 0.5 * (log_determinant + (linear * means).sum(dim=-1) + d * _LOG_TWO_PI)
    rows, columns = torch.triu_indices(d, d)
    twice = torch.where(rows == columns, -0.5, -1.0).to(means.dtype)  # xᵢxⱼ stands for xⱼxᵢ too
    return torch.cat([constant.unsqueeze(-1), linear, twice * precision[..., rows, columns]], dim=-1)


_LOG_TWO_PI = 1.8378770664093453


# Of what is added to variances where a matrix has no root, for they may all be 0.
_SMALLEST_VARIANCE = 1e-12


def _cholesky(covariances: Tensor) -> Tensor:
    """Lower roots `[…, d, d]`; where rounding has made a matrix indefinite, its diagonal grows until there is one."""
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
    """Upper triangles `[…, d(d+1)/2]` → symmetric matrices `[…, d, d]`."""
    rows, columns = torch.triu_indices(d, d)
    where = torch.empty((d, d), dtype=torch.long)
    where[rows, columns] = where[columns, rows] = torch.arange(len(rows))
    return upper[..., where]
