"""The initial memberships of expectation–maximization for B chains: k-means++ and a few Lloyd iterations."""

import torch
from torch import Tensor

#: The number of candidates for each initial centre. The best one is used, as in scikit-learn for about ten clusters.
CANDIDATES = 4


def memberships(points: Tensor, uniforms: Tensor, rows: Tensor | None = None, steps: int = 10) -> Tensor:
    """Return the memberships of `points[B, n, d]` in K clusters, `[B, K, n]`.

    A membership is 1 if the point belongs to the cluster, otherwise 0. The uniform random numbers `uniforms[B, K,
    candidates]` from 0 to 1 choose K initial centres. Then at most `steps` Lloyd iterations move the centres, until no
    membership changes. If `rows[m]` is given, the centres are computed only from the points with these indices.
    """
    x = points.transpose(1, 2)  # [B, d, n]
    used = (x if rows is None else x[:, :, rows]).contiguous()
    centres = plus_plus(used, uniforms)
    assigned = _nearest(used, centres)
    for _ in range(steps):
        sizes = assigned.sum(dim=2, keepdim=True)
        moved = assigned @ used.transpose(1, 2) / sizes.clamp(min=1)
        centres = torch.where(sizes > 0, moved, centres)
        before, assigned = assigned, _nearest(used, centres)
        if torch.equal(before, assigned):
            break
    return assigned if rows is None else _nearest(x, centres)


def plus_plus(x: Tensor, uniforms: Tensor) -> Tensor:
    """Return K centres among the points `x[B, d, n]`, selected by greedy k-means++: `[B, K, d]`.

    Source: Arthur and Vassilvitskii 2007, section 7. The probability that a point is drawn as a candidate is
    proportional to the square of its distance to the nearest centre so far. The candidate with the smallest sum of
    these squares over all points becomes the next centre.
    """
    chains = torch.arange(len(x))
    chances = torch.ones((len(x), x.shape[2]), dtype=x.dtype)
    squared = torch.full_like(chances, torch.inf)
    centres = []
    for uniform in uniforms.unbind(dim=1):
        candidates = x.gather(2, _draw(chances, uniform).unsqueeze(1).expand(-1, x.shape[1], -1))  # [B, d, candidates]
        remaining = torch.minimum(squared.unsqueeze(1), _squared_distances(x, candidates))
        best = remaining.sum(dim=2).argmin(dim=1)
        centres.append(candidates[chains, :, best])
        squared = chances = remaining[chains, best]
    return torch.stack(centres, dim=1)


def _draw(chances: Tensor, uniforms: Tensor) -> Tensor:
    """Return one random index for each number of `uniforms[B, m]`, with the weights `chances[B, n]`: `[B, m]`.

    If all weights are 0, because all points are equal, the last index is drawn.
    """
    ladder = chances.cumsum(dim=1)
    return torch.searchsorted(ladder, uniforms * ladder[:, -1:], right=True).clamp(max=chances.shape[1] - 1)


def _squared_distances(x: Tensor, centres: Tensor) -> Tensor:
    """Return squared distances from `x[B, d, n]` to `centres[B, d, K]`: `[B, K, n]`."""
    squares = (x**2).sum(dim=1, keepdim=True) + (centres**2).sum(dim=1).unsqueeze(2)
    return torch.baddbmm(squares, centres.transpose(1, 2), x, alpha=-2).clamp_(min=0)


def _nearest(x: Tensor, centres: Tensor) -> Tensor:
    """Return 1 for the nearest of `centres[B, K, d]` to each point, 0 for the others: `[B, K, n]`.

    If several centres are equally near, the first one is the nearest.
    """
    distance = torch.baddbmm((centres**2).sum(dim=2, keepdim=True), centres, x, alpha=-2)
    # `argmin` along a dimension that is not the last would take most of the time of a fit, so it is used only for ties.
    nearest = (distance == distance.amin(dim=1, keepdim=True)).to(x.dtype)
    if nearest.sum() != x.shape[0] * x.shape[2]:
        return torch.zeros_like(distance).scatter_(1, distance.argmin(dim=1, keepdim=True), 1.0)
    return nearest
