"""Words with known probabilities."""

from dataclasses import asdict, dataclass

import numpy as np
import rfc8785

from firsthand.core.digests import digest_bytes, to_text
from simulator.families.base import Fitted, Floats, Items
from simulator.metrics import text
from simulator.randomness import generator


@dataclass(frozen=True)
class Zipf:
    """words drawn independently, the i-th with a probability in proportion to i^−s (Zipf 1935)"""

    n: int = 1000
    """human items, a word each, that there are before round 1"""
    words: int = 1000
    """words that there are"""
    exponent: float = 1.0
    """s; 0: all words are as frequent"""

    def __post_init__(self) -> None:
        if self.n < 1 or not 1 <= self.words <= 2**16:
            raise ValueError(f"{self} is impossible: n is at least 1, and words are 1 to {2**16}")

    @property
    def probabilities(self) -> Floats:
        """p, `[words]`."""
        weights = np.arange(1, self.words + 1, dtype=np.float64) ** -self.exponent
        return np.asarray(weights / weights.sum())

    @property
    def vocabulary(self) -> int:
        """As many tokens as words."""
        return self.words

    def pool(self, chains: int, seed: int) -> Items:
        """The `n` human words that there are before round 1, `uint16[n, C, 1]`; every chain has its own."""
        return self._draw(self.n, chains, generator(seed, "human pool"))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n new human words for a round, `uint16[n, C, 1]`."""
        return self._draw(n, chains, generator(seed, "human fresh", round))

    def _draw(self, n: int, chains: int, rng: np.random.Generator) -> Items:
        ends = np.cumsum(self.probabilities)
        found = np.searchsorted(ends, rng.random((n, chains, 1)) * ends[-1], side="right")
        return np.asarray(np.minimum(found, self.words - 1), dtype=np.uint16)

    @property
    def held_out(self) -> None:
        """None: the truth itself is known."""

    @property
    def truth(self) -> None:
        """None: words are no points in space."""

    @property
    def labelled(self) -> None:
        """None: words have no classes."""

    def digest(self) -> str:
        """`sha256:<hex>` of the law's settings, for the words are drawn anew for each seed."""
        law = {name: value for name, value in asdict(self).items() if name != "n"}
        return to_text(digest_bytes(rfc8785.dumps({"Zipf": law})))

    def images(self, items: Items) -> None:
        """None: these are no pictures."""
        return None

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """How many distinct words there are among the items, `[C]`."""
        return {"unique": text.unique(items)}
