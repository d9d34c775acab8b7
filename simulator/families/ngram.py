"""Unigrams and bigrams: language models that are nothing but counts.

A unigram model that is refitted to its own text is a genetic drift of words: a word that is not drawn once is gone for
ever (Suresh et al. 2024, 2412.17646). Everything is a whole number until a token is drawn, so nothing is rounded.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.families.base import Arrays, Floats, Items
from simulator.families.tokens import check

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NGram:
    """the next token by how often it was seen, alone or after the one before it"""

    order: Literal[1, 2] = 1
    """1: unigrams, tokens without order; 2: bigrams, each token after the one before it"""
    alpha: float = 0.0
    """added to each count (add-alpha smoothing); 0: what was never seen is never made"""
    vocabulary: int = 1024
    """tokens that there are: at least as many as the data have"""

    def __post_init__(self) -> None:
        if self.alpha < 0 or self.vocabulary < 1:
            raise ValueError(f"{self} is impossible: alpha is not negative, and there is a token at least")

    def fit(self, items: Items, rng: np.random.Generator) -> "Unigrams | Bigrams":
        """Count the tokens of `items[n, C, L]`. No randomness. Raises ValueError for tokens out of the vocabulary."""
        check(items, self.vocabulary)
        alone = _counted(items, self.vocabulary)
        if self.order == 1:
            return Unigrams(alone, self.alpha, items.shape[2])
        pairs = [_pairs(items[:, chain], self.vocabulary) for chain in range(items.shape[1])]
        return Bigrams(Unigrams(alone, self.alpha, items.shape[2]), tuple(pairs))

    def restore(self, arrays: Arrays) -> "Unigrams | Bigrams":
        """The model whose `arrays()` these are."""
        alone = Unigrams(arrays["counts"], self.alpha, int(arrays["length"]))
        if self.order == 1:
            return alone
        ends = np.cumsum(arrays["sizes"])[:-1]
        keys, counts = np.split(arrays["keys"], ends), np.split(arrays["pairs"], ends)
        return Bigrams(alone, tuple(Pairs(k, c) for k, c in zip(keys, counts, strict=True)))


@dataclass(frozen=True, eq=False)
class Unigrams:
    """Each chain's tokens, drawn independently."""

    counts: Counts
    """how often each chain has seen each token, `[C, V]`"""
    alpha: float
    length: int
    """tokens L of an item"""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items, `uint16[n, C, L]`."""
        return self.draw(n * self.length, rng).reshape(-1, n, self.length).transpose(1, 0, 2)

    def draw(self, m: int, rng: np.random.Generator) -> Items:
        """m tokens of each chain, `uint16[C, m]`: all chains in one search, each in its own stretch of the sums."""
        chains, size = self.counts.shape
        sums = np.cumsum(self.counts.ravel())
        before = np.concatenate([[0], sums[size - 1 :: size]])
        totals = np.diff(before)
        at = before[:-1, np.newaxis] + rng.integers(0, totals[:, np.newaxis], (chains, m))
        seen = np.searchsorted(sums, at.ravel(), side="right").reshape(chains, m) % size
        return _smoothed(seen, totals[:, np.newaxis], self.alpha, size, rng).astype(np.uint16)

    def losses(self, blocks: Items) -> Floats:
        """`simulator.families.base.Language`; the tokens before one do not matter."""
        check(blocks, self.counts.shape[1])
        totals = self.counts.sum(axis=1, keepdims=True) + self.alpha * self.counts.shape[1]
        with np.errstate(divide="ignore"):
            costs = -np.log((self.counts + self.alpha) / totals)
        return np.asarray(costs[np.arange(len(costs))[:, np.newaxis], blocks[:, :, 1:]])

    def arrays(self) -> Arrays:
        """`simulator.families.base.Storable`."""
        return {"counts": self.counts, "length": np.array(self.length)}


class Pairs(NamedTuple):
    """The bigrams that one chain has seen, each as first · V + second, ascending, and how often."""

    keys: Counts
    counts: Counts


@dataclass(frozen=True, eq=False)
class Bigrams:
    """Each token drawn after the one before it; the first, and one after a token that nothing followed, alone."""

    alone: Unigrams
    pairs: tuple[Pairs, ...]
    """one a chain"""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items, `uint16[n, C, L]`."""
        length = self.alone.length
        items = np.empty((n, len(self.pairs), length), dtype=np.uint16)
        items[:, :, 0] = self.alone.draw(n, rng).T
        for place in range(1, length):
            others = self.alone.draw(n, rng)
            for chain, pairs in enumerate(self.pairs):
                items[:, chain, place] = self._after(pairs, items[:, chain, place - 1], others[chain], rng)
        return items

    def _after(self, pairs: Pairs, before: Items, others: Items, rng: np.random.Generator) -> Items:
        """A token after each of `before[n]`; the one of `others[n]` where nothing was ever seen there."""
        size = self._size
        sums = np.concatenate([[0], np.cumsum(pairs.counts)])
        first, last = (sums[np.searchsorted(pairs.keys, (before.astype(np.int64) + more) * size)] for more in (0, 1))
        at = rng.integers(first, np.maximum(last, first + 1))
        found = pairs.keys[np.minimum(np.searchsorted(sums, at, side="right") - 1, len(pairs.keys) - 1)] % size
        drawn = _smoothed(found, last - first, self.alone.alpha, size, rng)
        return drawn if self.alone.alpha else np.where(last > first, drawn, others)

    def losses(self, blocks: Items) -> Floats:
        """`simulator.families.base.Language`."""
        alone, alpha = self.alone.losses(blocks), self.alone.alpha
        each = [self._probabilities(pairs, blocks[:, chain]) for chain, pairs in enumerate(self.pairs)]
        with np.errstate(divide="ignore"):
            costs = -np.log(np.stack([probability for probability, _ in each], axis=1))
        followed = np.stack([known for _, known in each], axis=1)
        return costs if alpha else np.where(followed, costs, alone)

    def _probabilities(self, pairs: Pairs, blocks: Items) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Of each token of `blocks[m, L]` but the first, and whether anything was seen where it stands."""
        size, alpha = self._size, self.alone.alpha
        keys = blocks[:, :-1].astype(np.int64) * size + blocks[:, 1:]
        at = np.minimum(np.searchsorted(pairs.keys, keys), max(0, len(pairs.keys) - 1))
        seen = np.where(pairs.keys[at] == keys, pairs.counts[at], 0) if len(pairs.keys) else np.zeros_like(keys)
        after = np.bincount(pairs.keys // size, pairs.counts, minlength=size)[blocks[:, :-1]]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.nan_to_num((seen + alpha) / (after + alpha * size)), after > 0

    @property
    def _size(self) -> int:
        return int(self.alone.counts.shape[1])

    def arrays(self) -> Arrays:
        """`simulator.families.base.Storable`."""
        sizes = np.array([len(pairs.keys) for pairs in self.pairs])
        keys, counts = (np.concatenate(parts) for parts in zip(*self.pairs, strict=True))
        return {**self.alone.arrays(), "sizes": sizes, "keys": keys, "pairs": counts}


def _counted(items: Items, size: int) -> Counts:
    """How often each token of `[n, C, L]` is in each chain, `[C, V]`, chains by the hundred: sums stay small."""
    chains = items.shape[1]
    some = [items[:, first : first + 128] for first in range(0, chains, 128)]
    return np.concatenate([_counted_at_once(part, size) for part in some])


def _counted_at_once(items: Items, size: int) -> Counts:
    chains = items.shape[1]
    places = items + size * np.arange(chains)[:, np.newaxis]
    return np.bincount(places.ravel(), minlength=chains * size).reshape(chains, size)


def _pairs(blocks: Items, size: int) -> Pairs:
    """The bigrams of `[n, L]`."""
    keys, counts = np.unique(blocks[:, :-1].astype(np.int64) * size + blocks[:, 1:], return_counts=True)
    return Pairs(keys, counts.astype(np.int64))


def _smoothed(seen: Items, totals: Counts, alpha: float, size: int, rng: np.random.Generator) -> Items:
    """Tokens that were drawn by counts, each exchanged for any with the probability that smoothing gives to that.

    (count + α)/(total + αV) is count/total with probability total/(total + αV), and else 1/V.
    """
    if not alpha:
        return seen
    anything = rng.random(seen.shape) * (totals + alpha * size) >= totals
    return np.where(anything, rng.integers(0, size, seen.shape), seen)
