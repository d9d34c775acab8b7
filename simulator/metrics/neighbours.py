"""Nearest neighbours by brute force: a matrix product is fast enough for thousands of points."""

import numpy as np
import numpy.typing as npt

from simulator.families.base import Floats, Points


def squared_distances(a: Points, b: Points) -> Floats:
    """Between each of `a[m, d]` and each of `b[n, d]`, `[m, n]`."""
    centre = b.mean(axis=0)  # what cancels is then small
    a, b = a - centre, b - centre
    distances = np.asarray(-2 * a @ b.T)
    distances += (a**2).sum(axis=1)[:, np.newaxis]  # in place: the matrix is large, and memory the slowest part
    distances += (b**2).sum(axis=1)
    return np.maximum(distances, 0, out=distances)


def share_within(points: Points, support: Points, k: int) -> float:
    """The share of `points[m, d]` that lie in the manifold of `support[n, d]` (Kynkäänniemi et al. 2019, equation 1).

    The manifold is the union of balls around each support point that reach to its k-th nearest other support point.
    Generated points within the human support: precision. Human points within the generated support: recall.
    Raises ValueError where the support has no k others.
    """
    if len(support) <= k:
        raise ValueError(f"a manifold by {k} neighbours needs more than {len(support)} points")
    # Each point is its own nearest neighbour, so the k-th other one has place k, counted from 0.
    reach = np.partition(squared_distances(support, support), k, axis=1)[:, k]
    return float((squared_distances(points, support) <= reach).any(axis=1).mean())


def nearest(points: Points, among: Points) -> npt.NDArray[np.intp]:
    """For each of `points[m, d]`, the row of its nearest of `among[n, d]`: `[m]`."""
    return np.asarray(squared_distances(points, among).argmin(axis=1))
