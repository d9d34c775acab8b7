"""Mixtures of Gaussians fitted and sampled, many chains at once, beside scikit-learn's one by one."""

import warnings
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row, alternately
from simulator.data.corpora import Blobs
from simulator.families.base import Items
from simulator.families.gmm import GMM

_CHAINS, _COMPONENTS = 64, 3
#: Nats an item by which the mean log-likelihood over chains may be less.
_EQUAL = 1e-3


def rows(bench: Bench) -> Iterator[Row]:
    """Fits and samples a second; on one thread, from k-means starts, to the same tolerance."""
    n = min(10_000, max(500, bench.sizes.lines // 100))
    for lie, radius in (("apart", 4.0), ("in each other", 1.5)):
        items = Blobs(n, blobs=_COMPONENTS, radius=radius).pool(_CHAINS, seed=0)
        yield from _compared(items, bench.sizes.times, f"mixtures of blobs {lie}")


def _compared(items: Items, times: int, work: str) -> Iterator[Row]:
    note = f"{_CHAINS} chains, n = {len(items):,}, 2-D, {_COMPONENTS} components"
    apart: list[float] = []
    sklearns: list[tuple[float, np.ndarray]] = []

    def ours(number: int) -> float:
        started = perf_counter()
        fitted = GMM(_COMPONENTS).fit(items, np.random.default_rng(number))
        fitted.sample(len(items), np.random.default_rng(number))
        seconds = perf_counter() - started
        likelihood = [fitted.log_density(items[:, c])[:, c].mean() for c in range(_CHAINS)]
        apart.append(float(np.mean(likelihood) - sklearns[-1][1].mean()))
        return _CHAINS / seconds

    def theirs(number: int) -> float:
        sklearns.append(_sklearn(items, number))
        return sklearns[-1][0]

    baselines, values = alternately(min(3, times), theirs, ours)
    yield Row(f"{work}, fit and sample", "-", values, "/s", baselines, Bar("ratio", ">=", 8.0), note)
    less = tuple(-one for one in apart)
    yield Row(f"{work}: likelihood short of theirs", "-", less, "nats/item", (), Bar("figure", "<=", _EQUAL), note)


def _sklearn(items: Items, number: int) -> tuple[float, np.ndarray]:
    """Fits and samples a second, and the mean log-likelihood of each chain."""
    likelihoods = []
    seconds = 0.0
    for chain in range(_CHAINS):
        points = np.ascontiguousarray(items[:, chain])
        model = GaussianMixture(_COMPONENTS, random_state=number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            started = perf_counter()
            model.fit(points)
            model.sample(len(points))
            seconds += perf_counter() - started
        likelihoods.append(model.score(points))
    return _CHAINS / seconds, np.array(likelihoods)
