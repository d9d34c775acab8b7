"""Unigram and bigram models: language models that count tokens.

A unigram model that is refitted to its own text behaves like genetic drift: a word that is not drawn in one generation
never returns (Suresh et al. 2024, 2412.17646). Counts and their sums are whole numbers, so they have no rounding
errors. V is the size of the vocabulary, and L the number of tokens per item.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.families.base import Arrays, Floats, Items
from simulator.families.tokens import check
from simulator.ranges import check_least

Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NGram:
    """a language model that counts tokens (`order` is 1) or pairs of neighbouring tokens (`order` is 2)"""

    order: Literal[1, 2] = 1
    """1: a unigram model, in which tokens are independent; 2: a bigram model, in which a token depends on the
    previous one"""
    alpha: float = 0.0
    """number that is added to each count (add-alpha smoothing); with 0, tokens that did not occur are never
    generated"""
    vocabulary: int = 1024
    """size of the vocabulary, at least the size of the data's vocabulary"""

    def __post_init__(self) -> None:
        check_least(0, alpha=self.alpha)
        check_least(1, vocabulary=self.vocabulary)

    def fit(self, items: Items, rng: np.random.Generator) -> "Unigrams | Bigrams":
        """Count the tokens of `items[n, C, L]`, without randomness.

        Raises ValueError for tokens outside the vocabulary.
        """
        check(items, self.vocabulary)
        alone = _counted(items, self.vocabulary)
        if self.order == 1:
            return Unigrams(alone, self.alpha, items.shape[2])
        pairs = [_pairs(items[:, chain], self.vocabulary) for chain in range(items.shape[1])]
        return Bigrams(Unigrams(alone, self.alpha, items.shape[2]), tuple(pairs))

    def restore(self, arrays: Arrays) -> "Unigrams | Bigrams":
        """Return the fitted models whose method `arrays()` returned these arrays."""
        alone = Unigrams(arrays["counts"], self.alpha, int(arrays["length"]))
        if self.order == 1:
            return alone
        ends = np.cumsum(arrays["sizes"])[:-1]
        keys, counts = np.split(arrays["keys"], ends), np.split(arrays["pairs"], ends)
        return Bigrams(alone, tuple(Pairs(k, c) for k, c in zip(keys, counts, strict=True)))


@dataclass(frozen=True, eq=False)
class Unigrams:
    """Unigram models, one per chain: the tokens of an item are independent."""

    counts: Counts
    """number of occurrences of each token in each chain, `[C, V]`"""
    alpha: float
    length: int
    """L, the number of tokens per item"""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n items, `uint16[n, C, L]`."""
        return self.draw(n * self.length, rng).reshape(-1, n, self.length).transpose(1, 0, 2)

    def draw(self, m: int, rng: np.random.Generator) -> Items:
        """Draw m tokens for each chain, `uint16[C, m]`.

        One search finds the tokens of all chains, because each chain has its own section of the cumulative counts.
        """
        chains, size = self.counts.shape
        sums = np.cumsum(self.counts.ravel())
        before = np.concatenate([[0], sums[size - 1 :: size]])
        totals = np.diff(before)
        at = before[:-1, np.newaxis] + rng.integers(0, totals[:, np.newaxis], (chains, m))
        seen = np.searchsorted(sums, at.ravel(), side="right").reshape(chains, m) % size
        return _smoothed(seen, totals[:, np.newaxis], self.alpha, size, rng).astype(np.uint16)

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token of the blocks except the first of a block: `[m, C, L − 1]`, in nats.

        The loss does not depend on earlier tokens.
        """
        check(blocks, self.counts.shape[1])
        totals = self.counts.sum(axis=1, keepdims=True) + self.alpha * self.counts.shape[1]
        with np.errstate(divide="ignore"):
            costs = -np.log((self.counts + self.alpha) / totals)
        return np.asarray(costs[np.arange(len(costs))[:, np.newaxis], blocks[:, :, 1:]])

    def arrays(self) -> Arrays:
        """Return the counts of tokens and the number of tokens per item, by name."""
        return {"counts": self.counts, "length": np.array(self.length)}


class Pairs(NamedTuple):
    """The numbers of occurrences of all bigrams of one chain. A bigram is a pair of neighbouring tokens.

    `keys` has one number per bigram, in ascending order: first token · V + second token. `counts` has its number of
    occurrences.
    """

    keys: Counts
    counts: Counts


@dataclass(frozen=True, eq=False)
class Bigrams:
    """Bigram models, one per chain: a token depends on the previous token.

    Two kinds of tokens are drawn from a unigram model: the first token of an item, and the token after a token that had
    no successor in the training data.
    """

    alone: Unigrams
    pairs: tuple[Pairs, ...]
    """the bigrams of each chain"""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n items, `uint16[n, C, L]`."""
        length = self.alone.length
        items = np.empty((n, len(self.pairs), length), dtype=np.uint16)
        items[:, :, 0] = self.alone.draw(n, rng).T
        for position in range(1, length):
            others = self.alone.draw(n, rng)
            for chain, pairs in enumerate(self.pairs):
                items[:, chain, position] = self._after(pairs, items[:, chain, position - 1], others[chain], rng)
        return items

    def _after(self, pairs: Pairs, before: Items, others: Items, rng: np.random.Generator) -> Items:
        """Draw one token after each token of `before[n]`: `[n]`.

        Where a token had no successor in the training data, use the token of `others[n]`.
        """
        size = self._size
        sums = np.concatenate([[0], np.cumsum(pairs.counts)])
        first, last = (sums[np.searchsorted(pairs.keys, (before.astype(np.int64) + more) * size)] for more in (0, 1))
        at = rng.integers(first, np.maximum(last, first + 1))
        seen = pairs.keys[np.minimum(np.searchsorted(sums, at, side="right") - 1, len(pairs.keys) - 1)] % size
        drawn = _smoothed(seen, last - first, self.alone.alpha, size, rng)
        return drawn if self.alone.alpha else np.where(last > first, drawn, others)

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token of the blocks except the first of a block: `[m, C, L − 1]`, in nats.

        It is the negative log-likelihood of the token, given the previous token.
        """
        alone, alpha = self.alone.losses(blocks), self.alone.alpha
        by_chain = [self._probabilities(pairs, blocks[:, chain]) for chain, pairs in enumerate(self.pairs)]
        with np.errstate(divide="ignore"):
            costs = -np.log(np.stack([probability for probability, _ in by_chain], axis=1))
        followed = np.stack([known for _, known in by_chain], axis=1)
        return costs if alpha else np.where(followed, costs, alone)

    def _probabilities(self, pairs: Pairs, blocks: Items) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return two arrays `[m, L − 1]` for each token of `blocks[m, L]` except the first of a block.

        They are the probability of the token, and whether the previous token had a successor in the training data.
        """
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
        """Return the counts of tokens and the counts of bigrams, by name."""
        sizes = np.array([len(pairs.keys) for pairs in self.pairs])
        keys, counts = (np.concatenate(parts) for parts in zip(*self.pairs, strict=True))
        return {**self.alone.arrays(), "sizes": sizes, "keys": keys, "pairs": counts}


def _counted(items: Items, size: int) -> Counts:
    """Return the number of occurrences of each token of `items[n, C, L]` in each chain, `[C, V]`.

    128 chains are counted at once, to save memory.
    """
    chains = items.shape[1]
    parts = [items[:, first : first + 128] for first in range(0, chains, 128)]
    return np.concatenate([_counted_at_once(part, size) for part in parts])


def _counted_at_once(items: Items, size: int) -> Counts:
    chains = items.shape[1]
    bins = items + size * np.arange(chains)[:, np.newaxis]
    return np.bincount(bins.ravel(), minlength=chains * size).reshape(chains, size)


def _pairs(blocks: Items, size: int) -> Pairs:
    """Return the bigrams of `blocks[n, L]`, for a vocabulary of `size` tokens."""
    keys, counts = np.unique(blocks[:, :-1].astype(np.int64) * size + blocks[:, 1:], return_counts=True)
    return Pairs(keys, counts.astype(np.int64))


def _smoothed(seen: Items, totals: Counts, alpha: float, size: int, rng: np.random.Generator) -> Items:
    """Return the tokens `seen`, drawn in proportion to counts, with some replaced by uniform tokens for smoothing.

    α is `alpha`, and V is the size of the vocabulary. The smoothed probability (count + α)/(total + αV) is a mixture:
    count/total with the weight total/(total + αV), and 1/V with the remaining weight.
    """
    if not alpha:
        return seen
    anything = rng.random(seen.shape) * (totals + alpha * size) >= totals
    return np.where(anything, rng.integers(0, size, seen.shape), seen)
