"""What a provider trains on that crawls a pool, and how it takes what it does not know."""

from dataclasses import dataclass, field, replace
from typing import Literal

from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.schemas.mixes import Part
from simulator.families.base import ADDED
from simulator.regimes.history import FIRST_MODEL, History, Regime, human, without_empty
from simulator.worlds.shares import check, whole


@dataclass(frozen=True)
class Crawl(Regime):
    """n items of the pool, without those that the registry holds for a model's; the first model has the archive"""

    unknown: Literal["human", "model", "drop"] = "human"
    """what an item that nobody has told of is taken for: somebody's work, a model's, or nothing to train on"""
    models: Literal["drop", "keep"] = "drop"
    """whether what is known for a model's is trained on: `keep` is to train without labels"""
    contested: Literal["drop", "human"] = "drop"
    """what an item is taken for of which both was said"""
    log: bool = False
    """whether each provider knows its own output, and only that: a private log in place of the registry"""
    rounds: int = 1
    """pools crawled, the latest first; 0: all, and the archive with them"""
    share: float = 1.0
    """share of the n items that is taken for people's work; the rest is what is taken for a model's"""
    everything: bool = False
    """whether all that is admitted is trained on, however many items that is, in place of n"""
    weigh: bool = False
    """whether items are drawn by a detector's confidence that people made them; what has none is left out"""

    def __post_init__(self) -> None:
        check(self.share)
        if self.rounds < 0:
            raise ValueError(f"pools crawled are a number from 0, not {self.rounds}")
        if self.share < 1 and (self.everything or self.log):
            raise ValueError("a share of n is taken where n items are: without a private log, and not of everything")
        if self.log and (self.everything or self.weigh):
            raise ValueError("with a private log n items are drawn, of what is left, and no detector is asked")

    @property
    def uniform(self) -> bool:
        """Whether it draws uniformly of what it admits of one pool, the latest: n items, or all."""
        return self.rounds == 1 and self.share == 1 and not self.weigh

    def until(self, round: int) -> int:
        """The round whose pool is the latest that is looked at in a round."""
        return round

    @property
    def private(self) -> bool:
        return self.log

    def verdicts(self) -> list[Verdict]:
        """What is trained on, as the registry knows it; with a private log in its place, whatever there is."""
        if self.log:
            return list(VERDICTS)
        wanted: list[Verdict] = ["human"]
        wanted += ["unknown"] if self.unknown == "human" else []
        wanted += ["model"] if self.models == "keep" else []
        wanted += ["contested"] if self.contested == "human" or self.models == "keep" else []
        return wanted

    def parts(self, history: History) -> list[Part]:
        if not history.models:
            return [human(history, history.n)]
        history = replace(history, pools=history.pools[: self.until(history.round) - 1])
        if not history.pools:
            raise ValueError("there is no pool to crawl: this regime needs a world that has one, such as commons")
        crawled = history.pools[-self.rounds :] if self.rounds else (history.human, *history.pools)
        # what the log excludes nobody else knows, so the provider leaves it out of all that there is
        size = None if self.log or self.everything else whole(self.share * history.n)
        weight: Literal["confidence"] | None = "confidence" if self.weigh else None
        taken = Part(verdict_in=self.verdicts(), datasets=list(crawled), size=size, weight=weight)
        made: list[Verdict] = ["model", "unknown"] if self.unknown == "model" else ["model"]
        rest = Part(verdict_in=made, datasets=list(crawled), size=history.n - whole(self.share * history.n))
        return without_empty([taken, rest] if self.share < 1 else [taken])


@dataclass(frozen=True)
class Entrant(Crawl):
    """comes in late (entry=3), keeps what the pool held then, and trains on that alone; it crawls until then"""

    entry: int = 1
    """the generation whose output is the last that it finds"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.entry < 1:
            raise ValueError(f"before generation 1 there is no pool to come in at, as generation {self.entry} would be")

    def until(self, round: int) -> int:
        return min(round, self.entry + 1)


@dataclass(frozen=True)
class Archive(Regime):
    """human items that were collected before there was any model, as their registrations say: the first mover"""

    everything: bool = field(default=False, metadata=ADDED)
    """whether all of them are trained on, in place of n"""

    def parts(self, history: History) -> list[Part]:
        datasets, size = [history.human, *history.pools], None if self.everything else history.n
        return [Part(verdict_in=["human"], datasets=datasets, collected_before=FIRST_MODEL, size=size)]
