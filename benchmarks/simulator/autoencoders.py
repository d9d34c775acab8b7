"""Train the small autoencoder on digits: eight chains together, compared with eight chains one after the other."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from simulator.data.images import Pixels
from simulator.families.base import Items
from simulator.families.vae import VAE
from simulator.randomness import generator

_CHAINS, _ITEMS = 8, 1000
#: The maximum difference of the bound, in nats per item, between chains trained together and a chain trained alone.
_TOLERANCE = 3.0


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure trained chains per second on one thread, with the default settings of the family."""
    items = Pixels().pool(_CHAINS, seed=0)[:_ITEMS]
    bounds: dict[int, float] = {}

    def together(number: int) -> float:
        return train(items, number, bounds)

    def one_by_one(number: int) -> float:
        return _CHAINS / sum(1 / train(items[:, :1], _CHAINS * number + chain, {}) for chain in range(_CHAINS))

    baselines, values = alternate(min(3, bench.sizes.times), one_by_one, together)
    alone: dict[int, float] = {}
    train(items[:, :1], 0, alone)
    if abs(alone[0] - bounds[0]) > _TOLERANCE:
        raise RuntimeError(
            f"chains trained together reach {bounds[0]:.1f} nats per item, but a chain alone {alone[0]:.1f}"
        )
    note = f"{_ITEMS:,} digits, {VAE().settings.steps:,} steps; {bounds[0]:.1f} nats per item, {alone[0]:.1f} alone"
    target = Target("ratio", ">=", 2.0)
    yield BenchmarkRow("autoencoders, eight chains together", "-", values, "chains/s", baselines, target, note)


def train(items: Items, number: int, bounds: dict[int, float]) -> float:
    """Fit the family to `items[n, C, 64]`, and return chains per second.

    This stores the mean bound on the held-out digits, in nats per item, in `bounds[number]`.
    """
    started = perf_counter()
    fitted = VAE().fit(items, generator(number, "benchmark"))
    seconds = perf_counter() - started
    bounds[number] = float(np.mean(fitted.negative_elbo(Pixels().held_out)))
    return float(items.shape[1] / seconds)
