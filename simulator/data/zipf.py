"""Human data that are words with known probabilities."""

from dataclasses import asdict, dataclass

import numpy as np
import rfc8785

from firsthand.core.digests import digest_bytes, to_text
from simulator.families.base import Fitted, Floats, Items
from simulator.families.tokens import count_distinct
from simulator.randomness import generator
from simulator.ranges import check_between, check_least


@dataclass(frozen=True)
class Zipf:
    """words that are drawn independently; the probability of the i-th word is proportional to i^−s (Zipf 1935)"""

    n: int = 1000
    """number of human items that can be used before round 1; each item is one word"""
    words: int = 1000
    """number of distinct words"""
    exponent: float = 1.0
    """s, the exponent; with 0, all words have the same probability"""

    def __post_init__(self) -> None:
        check_least(1, n=self.n)
        check_between(1, 2**16, words=self.words)

    @property
    def probabilities(self) -> Floats:
        """The probability of each word, `[words]`."""
        weights = np.arange(1, self.words + 1, dtype=np.float64) ** -self.exponent
        return np.asarray(weights / weights.sum())

    @property
    def vocabulary(self) -> int:
        """The number of tokens: one per word."""
        return self.words

    def pool(self, chains: int, seed: int) -> Items:
        """Return the `n` human words that can be used before round 1, `uint16[n, C, 1]`.

        Every chain has its own words.
        """
        return self._draw(self.n, chains, generator(seed, "human pool"))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n new human words for a round, `uint16[n, C, 1]`."""
        return self._draw(n, chains, generator(seed, "human fresh", round))

    def _draw(self, n: int, chains: int, rng: np.random.Generator) -> Items:
        ends = np.cumsum(self.probabilities)
        drawn = np.searchsorted(ends, rng.random((n, chains, 1)) * ends[-1], side="right")
        return np.asarray(np.minimum(drawn, self.words - 1), dtype=np.uint16)

    @property
    def held_out(self) -> None:
        """None: metrics need no held-out words, because the true probabilities are known."""

    @property
    def truth(self) -> None:
        """None: words are not points in space."""

    @property
    def labelled(self) -> None:
        """None: words have no classes."""

    def digest(self) -> str:
        """Return `sha256:<hex>` of all settings except n: of the distribution from which the words are drawn."""
        law = {name: value for name, value in asdict(self).items() if name != "n"}
        return to_text(digest_bytes(rfc8785.dumps({"Zipf": law})))

    def images(self, items: Items) -> None:
        """Return None: words are not pictures."""
        return None

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """Return the metric `unique` for each of C chains, `[C]`: the number of distinct words among the items."""
        return {"unique": count_distinct(items)}
