"""The interface of a regime, the history of a run that a regime sees, and common parts of mixes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

from firsthand.schemas.mixes import Part

#: No run has a model before this time, so items that were collected earlier are human.
FIRST_MODEL = datetime(2022, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RunHistory:
    """The information that a regime has when it chooses the training mix of a round."""

    round: int
    """the next round; round 1 fits the first model"""
    n: int
    """number of items that a model trains on"""
    human: str
    """name of the dataset with the human items from before round 1"""
    fresh: tuple[str, ...]
    """names of the datasets of new human items, one per round that has any; `fresh[-1]` is for the next round"""
    outputs: str
    """name of the dataset with the output of all models"""
    models: tuple[str, ...]
    """names of all models so far, in order; with one provider, `models[t − 1]` is the model of round t"""
    generations: tuple[int, ...]
    """generation of each round's output, as computed by the registry; `generations[0]` is 0, for the human data"""
    pools: tuple[str, ...] = ()
    """names of the datasets of pools, one per round from the second on; `pools[-1]` is for the next round"""
    provider: int = 0
    """number of the provider that trains, from 0; `models` has the models of all providers"""
    humans: int = 0
    """number of items in `human`"""

    @property
    def datasets(self) -> list[str]:
        """The names of this run's datasets that are not empty. Parts name them, because a registry can have others."""
        return [self.human, *self.fresh, *self.pools, *([self.outputs] if self.models and not self.pools else [])]


def human(history: RunHistory, size: int | None = None) -> Part:
    """Return a part: `size` of the items from before round 1 that the registry lists as human; None for all."""
    return Part(verdict_in=["human"], datasets=[history.human], size=size)


def last_generation(history: RunHistory, size: int | None = None) -> Part:
    """Return a part: `size` items of the last round's generation, as computed by the registry; None for all.

    In round 1, these are the human items.
    """
    return Part(generation_in=[history.generations[-1]], datasets=history.datasets, size=size)


def everything(history: RunHistory, size: int | None = None) -> Part:
    """Return a part: `size` of all items of known origin; None for all."""
    return Part(verdict_in=["human", "model"], datasets=history.datasets, size=size)


def made(history: RunHistory, size: int | None = None) -> Part:
    """Return a part: `size` items of the output of all models so far; None for all."""
    return Part(verdict_in=["model"], datasets=history.datasets, size=size)


def newest(history: RunHistory) -> Part:
    """Return a part: all new human items of this round. Raises ValueError if the world puts them only into a pool."""
    if not history.fresh:
        raise ValueError("this world has new human items only in its pool: use a regime that crawls it, such as crawl")
    return Part(verdict_in=["human"], datasets=[history.fresh[-1]])


def without_empty(parts: list[Part]) -> list[Part]:
    """Return the parts whose size is not 0."""
    return [part for part in parts if part.size != 0]


class Regime(ABC):
    """A rule for the training mix of a round. To add a regime, write a frozen dataclass with a method `parts`."""

    @abstractmethod
    def parts(self, history: RunHistory) -> list[Part]:
        """Return the parts of the mix for the next round."""

    def new_humans(self, n: int) -> int:
        """Return the number of new human items that each round from the second on needs; 0 for most regimes."""
        return 0

    @property
    def private(self) -> bool:
        """Whether a provider leaves out its own output, which it knows from a private log. The default is False."""
        return False
