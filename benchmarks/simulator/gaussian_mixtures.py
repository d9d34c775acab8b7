"""Fit and sample mixtures of Gaussians: all chains together, compared with scikit-learn, one chain after the other."""

import warnings
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from simulator.data.corpora import Blobs
from simulator.families.base import Items
from simulator.families.gmm import GMM

_CHAINS, _COMPONENTS = 64, 3
#: The maximum acceptable loss of the mean log-likelihood over chains, in nats per item.
_TOLERANCE = 1e-3


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure chains per second on one thread. Starts (k-means) and tolerance are the same as in scikit-learn."""
    n = min(10_000, max(500, bench.sizes.lines // 100))
    for name, radius in (("separate", 4.0), ("overlapping", 1.5)):
        items = Blobs(n, blobs=_COMPONENTS, radius=radius).pool(_CHAINS, seed=0)
        yield from _compare(items, bench.sizes.times, f"mixtures of {name} blobs")


def _compare(items: Items, times: int, task: str) -> Iterator[BenchmarkRow]:
    note = f"{_CHAINS} chains, n = {len(items):,}, 2-D, {_COMPONENTS} components"
    losses: list[float] = []
    peer_likelihoods: list[np.ndarray] = []

    def fit_and_sample(number: int) -> float:
        started = perf_counter()
        fitted = GMM(_COMPONENTS).fit(items, np.random.default_rng(number))
        fitted.sample(len(items), np.random.default_rng(number))
        seconds = perf_counter() - started
        likelihood = [fitted.log_density(items[:, chain])[:, chain].mean() for chain in range(_CHAINS)]
        losses.append(float(peer_likelihoods[-1].mean() - np.mean(likelihood)))
        return _CHAINS / seconds

    def fit_and_sample_by_sklearn(number: int) -> float:
        rate, likelihood = _sklearn(items, number)
        peer_likelihoods.append(likelihood)
        return rate

    baselines, values = alternate(min(3, times), fit_and_sample_by_sklearn, fit_and_sample)
    speed = Target("ratio", ">=", 8.0)
    yield BenchmarkRow(f"{task}, fit and sample", "-", values, "chains/s", baselines, speed, note)
    loss = Target("value", "<=", _TOLERANCE)
    yield BenchmarkRow(f"{task}: likelihood below sklearn", "-", tuple(losses), "nats/item", (), loss, note)


def _sklearn(items: Items, number: int) -> tuple[float, np.ndarray]:
    """Return the chains per second of scikit-learn, and the mean log-likelihood of each chain."""
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
