"""Checks of tokens for families of language models, and the number of distinct tokens."""

import numpy as np

from simulator.families.base import Floats, Items


def check(items: Items, vocabulary: int) -> None:
    """Raise ValueError if a token of `items` is not smaller than `vocabulary`, the size of the vocabulary."""
    highest = int(items.max(initial=0))
    if highest >= vocabulary:
        raise ValueError(f"the data has tokens up to {highest}: set vocabulary={highest + 1} or more for the family")


def check_one_line(items: Items) -> None:
    """Raise ValueError if `items` have more than one chain."""
    if items.shape[1] != 1:
        raise ValueError(f"chains is {items.shape[1]}: this family trains one chain at a time, use chains=1")


def count_distinct(items: Items) -> Floats:
    """Return the number of distinct tokens in each chain of `items[n, C, L]`: `[C]`."""
    ordered = np.sort(items.transpose(1, 0, 2).reshape(items.shape[1], -1), axis=1)
    return np.asarray(1.0 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1))
