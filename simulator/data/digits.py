"""The handwritten digits of scikit-learn, their held-out part, and the repeated use of human items."""

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
    """Return the pixels of all images, `[1797, 64]`, from 0 to 16, and the digit that each image shows, `[1797]`."""
    pixels, labels = load_digits(return_X_y=True)
    return pixels.astype(np.float64), labels.astype(np.int64)


def split(aside: int) -> tuple[Rows, Rows]:
    """Return the indices of the `aside` held-out digits, and the indices of all other digits.

    They are the same for every run and seed.
    """
    order = generator(0, "digits kept aside").permutation(1797)
    return order[:aside], order[aside:]


def crawl_again(pool: Items, n: int, seed: int, round: int) -> Items:
    """Return n items of `pool[N, C, d]` in random order, as new human items.

    An item occurs a second time only after all items have occurred once.
    """
    items: Items = pool[shuffled_passes(generator(seed, "human fresh", round), len(pool), n)]
    return items
