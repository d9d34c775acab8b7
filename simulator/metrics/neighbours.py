"""Nearest neighbours of points, computed from all pairwise distances, which is fast enough for thousands of points."""

import numpy as np
import numpy.typing as npt

from simulator.families.base import Floats, Points


def squared_distances(a: Points, b: Points) -> Floats:
    """Return the squared distances between all points of `a[m, d]` and all points of `b[n, d]`: `[m, n]`."""
    centre = b.mean(axis=0)  # reduces rounding errors: the terms that cancel become small
    a, b = a - centre, b - centre
    distances = np.asarray(-2 * a @ b.T)
    distances += (a**2).sum(axis=1)[:, np.newaxis]  # in place, because memory access takes most of the time
    distances += (b**2).sum(axis=1)
    return np.maximum(distances, 0, out=distances)


def share_within(points: Points, support: Points, k: int) -> float:
    """Return the share of `points[m, d]` that are near a point of `support[n, d]`.

    Source: Kynkäänniemi et al. 2019, equation 1. The reach of a support point is its distance to its k-th nearest other
    support point. A point is near a support point if the distance between them is at most this reach. If the points are
    generated and the support is human, the returned share is the precision. If the points are human and the support is
    generated, it is the recall. Raises ValueError if the support has at most k points.
    """
    if len(support) <= k:
        raise ValueError(
            f"precision and recall with {k} neighbours need more than {k} points, and there are {len(support)}: use a "
            "larger n, or a larger aside of the data, such as 100"
        )
    # Each point is its own nearest neighbour, so the k-th other point has index k, counted from 0.
    reach = np.partition(squared_distances(support, support), k, axis=1)[:, k]
    return float((squared_distances(points, support) <= reach).any(axis=1).mean())


def nearest(points: Points, among: Points) -> npt.NDArray[np.intp]:
    """Return the index of the nearest point in `among[n, d]` for each point of `points[m, d]`: `[m]`."""
    return np.asarray(squared_distances(points, among).argmin(axis=1))
