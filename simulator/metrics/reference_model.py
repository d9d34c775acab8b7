"""The first model of a run of text, with which all later text is compared."""

from functools import lru_cache
from typing import Any

import numpy as np

from simulator.families.base import Floats, Items, Language

#: Batches whose losses are cached: the human blocks, and the items of this round and of the last.
_CACHED = 3


class CachedLanguageModel:
    """A language model that computes the losses of equal blocks once; metrics and histograms use the same losses."""

    def __init__(self, model: Language) -> None:
        def losses_of(content: bytes, dtype: str, shape: tuple[int, ...]) -> Floats:
            return model.losses(np.frombuffer(content, dtype).reshape(shape).copy())

        self._model: Any = model
        self._losses: Any = lru_cache(_CACHED)(losses_of)

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items, `[n, C, L]`."""
        items: Items = self._model.sample(n, rng)
        return items

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token but the first, `[m, C, L − 1]`; the array is shared, do not write to it."""
        losses: Floats = self._losses(blocks.tobytes(), blocks.dtype.str, blocks.shape)
        return losses
