"""Nearest neighbours by brute force: a matrix product is fast enough for thousands of points."""

import numpy as np
import numpy.typing as npt

from simulator.families.base import Floats, Points


def squared_distances(a: Points, b: Points) -> Floats:
    """Return the squared distance between each of `a[m, d]` and each of `b[n, d]`, `[m, n]`."""
    centre = b.mean(axis=0)  # reduces rounding errors: the terms that cancel become small
    a, b = a - centre, b - centre
    distances = np.asarray(-2 * a @ b.T)
    distances += (a**2).sum(axis=1)[:, np.newaxis]  # in place, because memory access takes most of the time
    distances += (b**2).sum(axis=1)
    return np.maximum(distances, 0, out=distances)


def share_within(points: Points, support: Points, k: int) -> float:
    """Return the share of `points[m, d]` in the manifold of `support[n, d]` (Kynkäänniemi et al. 2019, equation 1).

    The manifold is the union of balls around the support points. The radius of a ball is the distance to the k-th
    nearest other support point. The share of generated points in the human manifold is the precision; the share of
    human points in the generated manifold is the recall.
    Raises ValueError if the support has at most k points.
    """
    if len(support) <= k:
        raise ValueError(
            f"a manifold by {k} neighbours needs more than {k} points, and there are {len(support)}: use a larger n or "
            "aside"
        )
    # Each point is its own nearest neighbour, so the k-th other point has index k, counted from 0.
    reach = np.partition(squared_distances(support, support), k, axis=1)[:, k]
    return float((squared_distances(points, support) <= reach).any(axis=1).mean())


def nearest(points: Points, among: Points) -> npt.NDArray[np.intp]:
    """Return, for each of `points[m, d]`, the index of the nearest point in `among[n, d]`: `[m]`."""
    return np.asarray(squared_distances(points, among).argmin(axis=1))
