"""The first model of a run of text, as what judges all later text."""

from functools import lru_cache
from typing import Any

import numpy as np

from simulator.families.base import Floats, Items, Language

#: Blocks that a judge remembers its losses of: the human ones, the last round's items, and this one's in between.
_REMEMBERED = 3


class Judge:
    """A language model that judges the same blocks once: metrics and histograms ask for the same losses."""

    def __init__(self, model: Language) -> None:
        def judged(content: bytes, dtype: str, shape: tuple[int, ...]) -> Floats:
            return model.losses(np.frombuffer(content, dtype).reshape(shape).copy())

        self._model: Any = model
        self._judged: Any = lru_cache(_REMEMBERED)(judged)

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """`simulator.families.base.Fitted`."""
        items: Items = self._model.sample(n, rng)
        return items

    def losses(self, blocks: Items) -> Floats:
        """`simulator.families.base.Language`; not to be written to."""
        losses: Floats = self._judged(blocks.tobytes(), blocks.dtype.str, blocks.shape)
        return losses
