"""What a provider trains on that crawls a pool, and how it takes what it does not know."""

from dataclasses import dataclass
from typing import Literal

from firsthand.schemas.mixes import Part
from firsthand.verdicts import VERDICTS, Verdict
from simulator.recipes.history import History, Regime, human


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

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise ValueError(f"pools crawled are a number from 0, not {self.rounds}")

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
        if not history.pools:
            raise ValueError("there is no pool to crawl: this regime needs a world that has one, such as commons")
        crawled = history.pools[-self.rounds :] if self.rounds else (history.human, *history.pools)
        # what the log excludes nobody else knows, so the provider leaves it out of all that there is
        size = None if self.log else history.n
        return [Part(verdict_in=self.verdicts(), datasets=list(crawled), size=size)]
