"""What a regime sees of a run, and the parts of a mix that many regimes ask for."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

from firsthand.schemas.mixes import Part

#: Before this there is no model in any run, so whatever was collected earlier is people's work.
FIRST_MODEL = datetime(2022, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class History:
    """What a regime may know when it asks for the training mix of a round."""

    round: int
    """the round to come; 1 fits the first model"""
    n: int
    """items that a model is to be trained on; as many as a generation makes, where there is one provider"""
    human: str
    """dataset of the human items that there were before round 1"""
    fresh: tuple[str, ...]
    """datasets of new human items, one for each round that had some; `fresh[-1]` is this round's"""
    outputs: str
    """dataset of what the models made"""
    models: tuple[str, ...]
    """models so far: `models[t − 1]` is round t's"""
    generations: tuple[int, ...]
    """generation of each round's output as the registry computed it; `generations[0]` is 0, the human data's"""
    pools: tuple[str, ...] = ()
    """datasets of what there was to crawl for each round from the second on; `pools[-1]` is this round's"""
    provider: int = 0
    """which of the providers trains; of each round, `models` has those of all"""
    humans: int = 0
    """how many items there were in `human` before round 1"""

    @property
    def datasets(self) -> list[str]:
        """The run's own datasets that hold anything. A registry may hold much besides; no part looks there."""
        return [self.human, *self.fresh, *self.pools, *([self.outputs] if self.models and not self.pools else [])]


def human(history: History, size: int | None = None) -> Part:
    """Items that the registry holds for human, out of those that there were before round 1."""
    return Part(verdict_in=["human"], datasets=[history.human], size=size)


def last_generation(history: History, size: int | None = None) -> Part:
    """Items of the generation that the last round's output has, by provenance; before any, the human items."""
    return Part(generation_in=[history.generations[-1]], datasets=history.datasets, size=size)


def everything(history: History, size: int | None = None) -> Part:
    """All items whose origin is known."""
    return Part(verdict_in=["human", "model"], datasets=history.datasets, size=size)


def made(history: History, size: int | None = None) -> Part:
    """Items of any model's, of all generations so far."""
    return Part(verdict_in=["model"], datasets=history.datasets, size=size)


def newest(history: History) -> Part:
    """All new human items of this round. Raises ValueError where the world has none of the regime's own."""
    if not history.fresh:
        raise ValueError("there is no new human data but in the pool, which the regime crawl trains on")
    return Part(verdict_in=["human"], datasets=[history.fresh[-1]])


def without_empty(parts: list[Part]) -> list[Part]:
    """The parts that ask for something."""
    return [part for part in parts if part.size != 0]


class Regime(ABC):
    """How a round's training set is put together."""

    @abstractmethod
    def parts(self, history: History) -> list[Part]:
        """The parts of the mix that the coming round trains on."""

    def new_humans(self, n: int) -> int:
        """How many new human items each round from the second on gets; most regimes want none."""
        return 0

    @property
    def private(self) -> bool:
        """Whether whoever trains leaves out what its own log, which it shares with nobody, says that it made."""
        return False
