"""The interface of a regime, the part of a run's history that it sees, and parts of a mix that many regimes use."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

from firsthand.schemas.mixes import Part

#: No run has a model before this time, so items collected earlier are human.
FIRST_MODEL = datetime(2022, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RunHistory:
    """What a regime may know when it chooses the training mix of a round."""

    round: int
    """the next round; round 1 fits the first model"""
    n: int
    """items that a model trains on"""
    human: str
    """dataset of the human items from before round 1"""
    fresh: tuple[str, ...]
    """datasets of new human items, one per round that had some; `fresh[-1]` is that of the next round"""
    outputs: str
    """dataset of the output of all models"""
    models: tuple[str, ...]
    """models so far, in order; with one provider, `models[t − 1]` is that of round t"""
    generations: tuple[int, ...]
    """generation of each round's output, computed by the registry; `generations[0]` is 0, for the human data"""
    pools: tuple[str, ...] = ()
    """datasets of the pools, one per round from the second on; `pools[-1]` is that of the next round"""
    provider: int = 0
    """the provider that trains; `models` has the models of all providers"""
    humans: int = 0
    """number of items in `human`"""

    @property
    def datasets(self) -> list[str]:
        """The datasets of this run that are not empty. Parts name them, because a registry may hold other datasets."""
        return [self.human, *self.fresh, *self.pools, *([self.outputs] if self.models and not self.pools else [])]


def human(history: RunHistory, size: int | None = None) -> Part:
    """Return the items from before round 1 that the registry lists as human."""
    return Part(verdict_in=["human"], datasets=[history.human], size=size)


def last_generation(history: RunHistory, size: int | None = None) -> Part:
    """Return the items of the last round's generation, as computed by the registry; before round 1, the human items."""
    return Part(generation_in=[history.generations[-1]], datasets=history.datasets, size=size)


def everything(history: RunHistory, size: int | None = None) -> Part:
    """Return all items of known origin."""
    return Part(verdict_in=["human", "model"], datasets=history.datasets, size=size)


def made(history: RunHistory, size: int | None = None) -> Part:
    """Return the output of all models so far."""
    return Part(verdict_in=["model"], datasets=history.datasets, size=size)


def newest(history: RunHistory) -> Part:
    """Return all new human items of this round. Raises ValueError if the world puts them into a pool instead."""
    if not history.fresh:
        raise ValueError("this world has new human items in its pool only: use a regime that crawls it, such as crawl")
    return Part(verdict_in=["human"], datasets=[history.fresh[-1]])


def without_empty(parts: list[Part]) -> list[Part]:
    """Return the parts without those of size 0."""
    return [part for part in parts if part.size != 0]


class Regime(ABC):
    """A rule for the training mix of a round. To add one, write a frozen dataclass with `parts`."""

    @abstractmethod
    def parts(self, history: RunHistory) -> list[Part]:
        """Return the parts of the mix for the next round."""

    def new_humans(self, n: int) -> int:
        """Return how many new human items each round from the second on needs; 0 for most regimes."""
        return 0

    @property
    def private(self) -> bool:
        """Whether a provider leaves out its own output, which it knows from a private log."""
        return False
