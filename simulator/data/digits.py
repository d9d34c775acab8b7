"""The handwritten digits of scikit-learn, their split, and new human items that repeat the pool."""

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from simulator.families.base import Floats, Items
from simulator.randomness import generator, shuffled_passes

Labels: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = npt.NDArray[np.int64]


@cache
def digits() -> tuple[Floats, Labels]:
    """Return the pixels `[1797, 64]`, from 0 to 16, and the digit of each image, `[1797]`."""
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.float64), labels.astype(np.int64)


def split(aside: int) -> tuple[Rows, Rows]:
    """Return the row numbers of the held-out digits, and of the others. They are the same for every run and seed."""
    order = generator(0, "digits kept aside").permutation(1797)
    return order[:aside], order[aside:]


def crawl_again(pool: Items, n: int, seed: int, round: int) -> Items:
    """Return n items of `pool[N, C, d]` in random order. No item is repeated before all items have occurred."""
    items: Items = pool[shuffled_passes(generator(seed, "human fresh", round), len(pool), n)]
    return items
