"""The interface of a regime, the history of a run that a regime sees, and common parts of mixes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

from firsthand.schemas.mixes import Part

#: No run has a model before this time, so items that were collected earlier are human.
FIRST_MODEL = datetime(2022, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RunHistory:
    """The information that a regime receives to choose the training mix of the next round."""

    round: int
    """the next round; round 1 fits the first model"""
    n: int
    """number of items that a model trains on"""
    human: str
    """name of the dataset with the human items from before round 1"""
    fresh: tuple[str, ...]
    """names of the datasets of new human items, one for each round that has new human items; `fresh[-1]` is for the
    next round"""
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
        """The names of all datasets of this run that have items.

        The parts of a mix name these datasets, because a registry can also have datasets of other runs.
        """
        return [self.human, *self.fresh, *self.pools, *([self.outputs] if self.models and not self.pools else [])]


def human(history: RunHistory, size: int | None = None) -> Part:
    """Return a part of a mix that takes human items from before round 1.

    It takes `size` of the items that the registry lists as human, or all of them if `size` is None.
    """
    return Part(verdict_in=["human"], datasets=[history.human], size=size)


def last_generation(history: RunHistory, size: int | None = None) -> Part:
    """Return a part of a mix that takes items of the last generation, as computed by the registry.

    It takes `size` items, or all if `size` is None. In round 1, these are the human items.
    """
    return Part(generation_in=[history.generations[-1]], datasets=history.datasets, size=size)


def everything(history: RunHistory, size: int | None = None) -> Part:
    """Return a part of a mix that takes items with the verdict `human` or `model`, from all rounds so far.

    It takes `size` items, or all if `size` is None.
    """
    return Part(verdict_in=["human", "model"], datasets=history.datasets, size=size)


def made(history: RunHistory, size: int | None = None) -> Part:
    """Return a part of a mix that takes items with the verdict `model`, from all rounds so far.

    It takes `size` items, or all if `size` is None.
    """
    return Part(verdict_in=["model"], datasets=history.datasets, size=size)


def newest(history: RunHistory) -> Part:
    """Return a part of a mix that takes all new human items of the next round.

    Raises ValueError if the world puts new human items only into a pool.
    """
    if not history.fresh:
        raise ValueError(
            "this world has new human items only in its pool: use a regime that crawls the pool, such as crawl"
        )
    return Part(verdict_in=["human"], datasets=[history.fresh[-1]])


def without_empty(parts: list[Part]) -> list[Part]:
    """Return the parts of a mix whose `size` is not 0."""
    return [part for part in parts if part.size != 0]


class Regime(ABC):
    """A rule for the training mix of a round. To add a regime, write a frozen dataclass with a method `parts`."""

    @abstractmethod
    def parts(self, history: RunHistory) -> list[Part]:
        """Return the parts of the training mix for the next round: filters, each with a number of items."""

    def new_humans(self, n: int) -> int:
        """Return the number of new human items that this regime needs in each round after round 1. The default is 0."""
        return 0

    @property
    def private(self) -> bool:
        """Whether a provider removes its own output, which it knows from a private log, from its training set.

        The default is False.
        """
        return False
