"""Handwriting that ends: what is kept aside of it, and a crawl that finds the same works again."""

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from simulator.families.base import Floats, Items
from simulator.randomness import generator

Labels: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = npt.NDArray[np.int64]


@cache
def digits() -> tuple[Floats, Labels]:
    """The pixels `[1797, 64]` of 0 to 16 that scikit-learn carries, and which digit each is, `[1797]`."""
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.float64), labels.astype(np.int64)


def split(aside: int) -> tuple[Rows, Rows]:
    """The digits kept aside and the others, as rows: the same for every run, seed and corpus of them."""
    order = generator(0, "digits kept aside").permutation(1797)
    return order[:aside], order[aside:]


def found_again(pool: Items, n: int, seed: int, round: int) -> Items:
    """n of `pool[N, C, d]`, none twice while it lasts; beyond that, each as often as any other or once more."""
    rng = generator(seed, "human fresh", round)
    copies = -(-n // len(pool))
    rows = np.concatenate([rng.permutation(len(pool)) for _ in range(copies)])
    again: Items = pool[rows[:n]]
    return again
