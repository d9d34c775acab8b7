"""The interface of a world, and the simplest world.

A world decides which items appear in a round, and which statements on their origin are registered. It knows the true
origin of each item; training code does not. A world has no side effects: it only returns statements, each with the
indices of the items that it covers. `simulator.runs.rounds` registers them.
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
    """A statement on the origin of some items of a batch, with its evidence."""

    rows: Rows
    """indices of the items in the batch, in ascending order"""
    origin: Origin
    provider: int | None = None
    """for the origin `model`: the number of the provider whose model generated the items"""
    evidence: Evidence = "declared"
    before: bool = False
    """whether the statement says that the items were collected before the first model"""
    confidences: npt.NDArray[np.uint8] | None = None
    """for each item, the detector's confidence that the item is human: 0 to 255; None without a detector"""


class RoundBatch(NamedTuple):
    """Items of one round from one maker: a provider, or humans."""

    round: int
    """for model output, the round that generates it; for human items, the first round that can train on them"""
    maker: int | None
    """number of the provider; None for human items"""
    items: int
    """number of items"""

    @property
    def maker_name(self) -> str:
        """The maker as it is written in names of random streams. Do not change it: every draw would change."""
        return "people" if self.maker is None else str(self.maker)


class World(ABC):
    """The makers of the items of a run, and the statements that are registered on these items."""

    @property
    @abstractmethod
    def providers(self) -> int:
        """The number of providers. Each fits one model per round."""

    @abstractmethod
    def outputs(self, n: int) -> tuple[int, ...]:
        """Return the number of items that each provider generates in a round, in the order of the providers.

        `n` is the setting n of the run.
        """

    @abstractmethod
    def new_humans(self, n: int) -> int:
        """Return the number of new human items in the pool of each round after round 1."""

    @abstractmethod
    def statements(self, batch: RoundBatch, seed: int) -> list[OriginStatement]:
        """Return the statements that are registered when the items of a batch appear.

        Items that no statement covers stay unregistered.
        """

    def training_size(self, provider: int, n: int) -> int:
        """Return the number of items that a provider trains on, in a run with this n. The default is n."""
        return n

    def corrections(self, batch: RoundBatch, seed: int, round: int) -> list[OriginStatement]:
        """Return the statements that are added in `round` on a batch of this round or of an earlier round.

        The default is no statement.
        """
        return []

    def measured_items(self, n: int) -> int | None:
        """Return the number of items of a provider's output that metrics use, beginning with the first item.

        None means that metrics use all items.
        """
        return None

    @property
    def pooled(self) -> bool:
        """Whether there is a shared pool.

        A pool is one dataset with the output of a round and the new human items of the next round.
        """
        return False

    @property
    def correction_round(self) -> int:
        """The first round at whose end missing claims are registered; 0 if they are never registered."""
        return 0

    @property
    def shared_base(self) -> bool:
        """Whether the first models of all providers are fitted to the same mix."""
        return False


@dataclass(frozen=True)
class Truthful(World):
    """one provider; every item is registered with its true origin"""

    times: int = field(default=1, metadata=ADDED)
    """number of items that a model generates, as a multiple of n; metrics use only the first n of them, so that runs
    can be compared"""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times is {self.times}: a model generates times · n items, so times must be at least 1")

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
