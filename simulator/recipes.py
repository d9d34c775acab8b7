"""Each regime of the literature as the recipe of a round's training mix. Pure.

A regime sees a `History`: names of datasets and models, and the generations that the registry computed; never the
origin of an item. It answers with parts, filters that the registry applies. To add one, write a frozen dataclass with
`parts`, here or in a file of your own; nothing else needs to know.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from firsthand.schemas.mixes import Part
from firsthand.verdicts import Verdict


@dataclass(frozen=True)
class History:
    """What a regime may know when it asks for the training mix of a round."""

    round: int
    """the round to come; 1 fits the first model"""
    n: int
    """items that each generation makes"""
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


@dataclass(frozen=True)
class Replace(Regime):
    """only the last generation's output (Shumailov et al. 2023)"""

    def parts(self, history: History) -> list[Part]:
        return [last_generation(history, history.n)]


@dataclass(frozen=True)
class Accumulate(Regime):
    """everything so far, human and made (Gerstgrasser et al. 2024)"""

    def parts(self, history: History) -> list[Part]:
        return [everything(history)]


@dataclass(frozen=True)
class AccumulateSubsample(Regime):
    """n items drawn from everything so far (Kazdan et al. 2024)"""

    def parts(self, history: History) -> list[Part]:
        return [everything(history, history.n)]


@dataclass(frozen=True)
class Preserve(Regime):
    """a share of the first human data, drawn anew each round, the rest the last generation (Shumailov et al. 2023)"""

    share: float = 0.1
    """share of human items, 0 to 1"""

    def __post_init__(self) -> None:
        _check_share(self.share)

    def parts(self, history: History) -> list[Part]:
        kept = round(self.share * history.n) if history.models else history.n
        return _without_empty([human(history, kept), last_generation(history, history.n - kept)])


@dataclass(frozen=True)
class Fresh(Regime):
    """exactly w·n new human items each round, the rest the last generation (Alemohammad et al. 2023)"""

    share: float = 0.1
    """share w of new human items, 0 to 1"""

    def __post_init__(self) -> None:
        _check_share(self.share)

    def new_humans(self, n: int) -> int:
        return round(self.share * n)

    def parts(self, history: History) -> list[Part]:
        if not history.fresh:
            return [last_generation(history, history.n)]
        new = Part(verdict_in=["human"], datasets=[history.fresh[-1]])
        made = last_generation(history, history.n - self.new_humans(history.n))
        return _without_empty([new, made])


@dataclass(frozen=True)
class HumanOnly(Regime):
    """human data alone, each round: the first mover, or who can tell what is human"""

    def parts(self, history: History) -> list[Part]:
        return [human(history, history.n)]


@dataclass(frozen=True)
class Crawl(Regime):
    """n items of the pool, without those that the registry holds for a model's; the first model has the archive"""

    unknown: Literal["human", "drop"] = "human"
    """what an item that nobody has told of is taken for: somebody's work, or nothing to train on"""
    models: Literal["drop", "keep"] = "drop"
    """whether what is known for a model's is trained on: `keep` is to train without labels"""
    contested: Literal["drop", "human"] = "drop"
    """what an item is taken for of which both was said"""
    log: bool = False
    """whether each provider knows its own output, and only that: a private log in place of the registry"""
    rounds: int = 1
    """pools crawled, the latest first; 0: all, and the archive with them"""

    @property
    def private(self) -> bool:
        return self.log

    def parts(self, history: History) -> list[Part]:
        if not history.pools:
            return [human(history, history.n)]
        verdicts: list[Verdict] = ["human"]
        verdicts += ["unknown"] if self.unknown == "human" else []
        verdicts += ["model"] if self.models == "keep" or self.log else []
        verdicts += ["contested"] if self.contested == "human" or self.models == "keep" else []
        crawled = history.pools[-self.rounds :] if self.rounds else (history.human, *history.pools)
        size = None if self.log else history.n
        return [Part(verdict_in=verdicts, datasets=list(crawled), size=size)]


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"a share is between 0 and 1, not {share}")


def _without_empty(parts: list[Part]) -> list[Part]:
    return [part for part in parts if part.size != 0]
