"""The first language model of a run, with a cache of losses. Metrics use it for all later text."""

from functools import lru_cache
from typing import Any

import numpy as np

from simulator.families.base import Floats, Items, Language

#: Number of batches whose losses are cached: the human blocks, the items of this round, the items of the last round.
_CACHED = 3


class CachedLanguageModel:
    """A language model that caches losses, because metrics and histograms need the losses of the same blocks."""

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
        """Return the loss of each token of the blocks except the first of a block: `[m, C, L − 1]`, in nats.

        The array is cached: do not change it.
        """
        losses: Floats = self._losses(blocks.tobytes(), blocks.dtype.str, blocks.shape)
        return losses
