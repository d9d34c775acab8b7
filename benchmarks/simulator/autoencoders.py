"""The small autoencoder of the digits: eight chains trained together, beside the same eight one by one."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row, alternately
from simulator.data.images import Pixels
from simulator.families.base import Items
from simulator.families.vae import VAE
from simulator.randomness import generator

_CHAINS, _ITEMS = 8, 1000
#: Nats an item by which two sets of chains may differ in what they have learnt.
_EQUAL = 3.0


def rows(bench: Bench) -> Iterator[Row]:
    """Trained chains a second; on one thread, with the family's usual settings."""
    items = Pixels().pool(_CHAINS, seed=0)[:_ITEMS]
    learnt: dict[int, float] = {}

    def together(number: int) -> float:
        return trained(items, number, learnt)

    def one_by_one(number: int) -> float:
        alone = [1 / trained(items[:, :1], _CHAINS * number + chain, {}) for chain in range(_CHAINS)]
        return _CHAINS / sum(alone)

    baselines, values = alternately(min(3, bench.sizes.times), one_by_one, together)
    alone: dict[int, float] = {}
    trained(items[:, :1], 0, alone)
    if abs(alone[0] - learnt[0]) > _EQUAL:
        raise RuntimeError(
            f"together they have learnt to {learnt[0]:.1f} nats an item, and one alone to {alone[0]:.1f}"
        )
    note = f"{_ITEMS:,} digits, {VAE().settings.steps:,} steps; {learnt[0]:.1f} nats an item, {alone[0]:.1f} alone"
    yield Row("autoencoders, eight chains together", "-", values, "/s", baselines, Bar("ratio", ">=", 2.0), note)


def trained(items: Items, number: int, learnt: dict[int, float]) -> float:
    """Chains a second of a fit to `items[n, C, 64]`; keeps the mean bound of the digits kept aside, in nats an item."""
    started = perf_counter()
    fitted = VAE().fit(items, generator(number, "benchmark"))
    seconds = perf_counter() - started
    learnt[number] = float(np.mean(fitted.negative_elbo(Pixels().held_out)))
    return float(items.shape[1] / seconds)
