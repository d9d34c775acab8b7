"""The interface of a world: which items appear in a round, and what is registered about them. And the simplest world.

A world knows the true origin of items, and decides which statements are registered about them. Training code never sees
the truth. Worlds are pure: a world chooses the rows of a batch that a statement covers, and registers nothing itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.verdicts import Origin
from firsthand.schemas.registrations import Evidence
from simulator.families.base import ADDED

#: Indices of items in a batch.
Rows: TypeAlias = npt.NDArray[np.int64]


class OriginStatement(NamedTuple):
    """A statement on some items of a batch: their origin, and the evidence for it."""

    rows: Rows
    """the items, in ascending order"""
    origin: Origin
    provider: int | None = None
    """whose model made the items, for the origin `model`"""
    evidence: Evidence = "declared"
    before: bool = False
    """whether the stated time of collection is before the first model"""
    confidences: npt.NDArray[np.uint8] | None = None
    """per row, how sure a detector is that the item is human: 0 to 255"""


class RoundBatch(NamedTuple):
    """Items that appear together."""

    round: int
    """the round that makes them; for human items, the round that can train on them"""
    maker: int | None
    """the provider; None for human items"""
    items: int

    @property
    def maker_name(self) -> str:
        """The maker in names of random streams. A change would change every draw."""
        return "people" if self.maker is None else str(self.maker)


class World(ABC):
    """The providers, the items that appear in each round, and what is registered about these items."""

    @property
    @abstractmethod
    def providers(self) -> int:
        """The number of providers. Each fits one model per round."""

    @abstractmethod
    def outputs(self, n: int) -> tuple[int, ...]:
        """Return how many items each provider makes in a round, if a model trains on n."""

    @abstractmethod
    def new_humans(self, n: int) -> int:
        """Return how many new human items the pool of each round has, from the second round on."""

    @abstractmethod
    def statements(self, batch: RoundBatch, seed: int) -> list[OriginStatement]:
        """Return the statements on a batch when it appears. Rows without a statement stay unregistered."""

    def training_size(self, provider: int, n: int) -> int:
        """Return how many items a provider trains on, in a run with this n."""
        return n

    def corrections(self, batch: RoundBatch, seed: int, round: int) -> list[OriginStatement]:
        """Return the statements that a round adds on a batch that appeared earlier, or in the same round."""
        return []

    def measured_items(self, n: int) -> int | None:
        """Return how many of a provider's items, from the first on, its metrics use; None for all."""
        return None

    @property
    def pooled(self) -> bool:
        """Whether a round's output and its new human items are in one dataset, which all providers crawl."""
        return False

    @property
    def correction_round(self) -> int:
        """The round at whose end missing claims are registered for the first time; 0: never."""
        return 0

    @property
    def shared_base(self) -> bool:
        """Whether all first models are fitted to the same mix."""
        return False


@dataclass(frozen=True)
class Truthful(World):
    """one provider; everything is registered with its true origin"""

    times: int = field(default=1, metadata=ADDED)
    """items that a model makes, as a multiple of n; metrics use the first n, so that runs can be compared"""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times is {self.times}: a model makes n items or a multiple, so times must be at least 1")

    @property
    def providers(self) -> int:
        return 1

    def outputs(self, n: int) -> tuple[int, ...]:
        return (self.times * n,)

    def measured_items(self, n: int) -> int | None:
        return n

    def new_humans(self, n: int) -> int:
        return 0

    def statements(self, batch: RoundBatch, seed: int) -> list[OriginStatement]:
        rows = np.arange(batch.items)
        if batch.maker is None:
            return [OriginStatement(rows, "human", before=batch.round == 0)]
        return [OriginStatement(rows, "model", batch.maker, "generator")]


TRUTHFUL = Truthful()
