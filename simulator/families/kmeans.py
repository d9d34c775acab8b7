"""Where expectation–maximization begins: k-means++ and a few steps of Lloyd, a batch of B chains at once."""

import torch
from torch import Tensor

#: Candidates for each first centre, of which the best is kept, as in scikit-learn for about ten clusters.
CANDIDATES = 4


def memberships(points: Tensor, uniforms: Tensor, rows: Tensor | None = None, steps: int = 10) -> Tensor:
    """Assign each of `points[B, n, d]` to one of K clusters: 0 and 1, `[B, K, n]`.

    `uniforms[B, K, candidates]` in [0, 1) choose the K first centres; then at most `steps` steps of Lloyd move them,
    until none moves. Until then the points in `rows[m]`, if given, stand for all.
    """
    x = points.transpose(1, 2)  # [B, d, n]
    some = (x if rows is None else x[:, :, rows]).contiguous()
    centres = plus_plus(some, uniforms)
    assigned = _nearest(some, centres)
    for _ in range(steps):
        sizes = assigned.sum(dim=2, keepdim=True)
        moved = assigned @ some.transpose(1, 2) / sizes.clamp(min=1)
        centres = torch.where(sizes > 0, moved, centres)
        before, assigned = assigned, _nearest(some, centres)
        if torch.equal(before, assigned):
            break
    return assigned if rows is None else _nearest(x, centres)


def plus_plus(x: Tensor, uniforms: Tensor) -> Tensor:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007, section 7): centres `[B, K, d]` among the points `x[B, d, n]`.

    Candidates are points drawn with chances that grow with the square of their distance to the nearest centre so far;
    the one that leaves the smallest sum of such squares becomes a centre.
    """
    chains = torch.arange(len(x))
    chances = torch.ones((len(x), x.shape[2]), dtype=x.dtype)
    squared = torch.full_like(chances, torch.inf)
    centres = []
    for uniform in uniforms.unbind(dim=1):
        candidates = x.gather(2, _draw(chances, uniform).unsqueeze(1).expand(-1, x.shape[1], -1))  # [B, d, candidates]
        left = torch.minimum(squared.unsqueeze(1), _squared_distances(x, candidates))
        best = left.sum(dim=2).argmin(dim=1)
        centres.append(candidates[chains, :, best])
        squared = chances = left[chains, best]
    return torch.stack(centres, dim=1)


def _draw(chances: Tensor, uniforms: Tensor) -> Tensor:
    """Indices `[B, m]` by chances `[B, n]` that need not sum to 1; all 0 (all points equal), then the last."""
    ladder = chances.cumsum(dim=1)
    return torch.searchsorted(ladder, uniforms * ladder[:, -1:], right=True).clamp(max=chances.shape[1] - 1)


def _squared_distances(x: Tensor, centres: Tensor) -> Tensor:
    """From `x[B, d, n]` to `centres[B, d, K]`: `[B, K, n]`."""
    squares = (x**2).sum(dim=1, keepdim=True) + (centres**2).sum(dim=1).unsqueeze(2)
    return torch.baddbmm(squares, centres.transpose(1, 2), x, alpha=-2).clamp_(min=0)


def _nearest(x: Tensor, centres: Tensor) -> Tensor:
    """1 where a centre of `[B, K, d]` is a point's nearest, the first of equals, else 0: `[B, K, n]`."""
    distance = torch.baddbmm((centres**2).sum(dim=2, keepdim=True), centres, x, alpha=-2)
    # Comparisons, for `argmin` along any dimension but the last takes most of a fit's time; it is for ties alone.
    nearest = (distance == distance.amin(dim=1, keepdim=True)).to(x.dtype)
    if nearest.sum() != x.shape[0] * x.shape[2]:
        return torch.zeros_like(distance).scatter_(1, distance.argmin(dim=1, keepdim=True), 1.0)
    return nearest
