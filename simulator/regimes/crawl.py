"""Regimes of providers that crawl a pool, with rules for items of unknown origin."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.schemas.mixes import Part
from simulator.families.base import ADDED
from simulator.regimes.history import FIRST_MODEL, Regime, RunHistory, human, without_empty
from simulator.worlds.shares import check_share, whole


@dataclass(frozen=True)
class AdmittedVerdicts:
    """The verdicts of the registry that are admitted to training."""

    unknown: Literal["human", "model", "drop"]
    models: Literal["drop", "keep"]
    contested: Literal["drop", "human"]
    private_log: bool

    def verdicts(self) -> list[Verdict]:
        """Return the admitted verdicts: all, if a private log replaces the registry."""
        if self.private_log:
            return list(VERDICTS)
        admitted: list[Verdict] = ["human"]
        admitted += ["unknown"] if self.unknown == "human" else []
        admitted += ["model"] if self.models == "keep" else []
        admitted += ["contested"] if self.contested == "human" or self.models == "keep" else []
        return admitted

    def model_verdicts(self) -> list[Verdict]:
        """Return the verdicts of items that count as model output."""
        return ["model", "unknown"] if self.unknown == "model" else ["model"]


@dataclass(frozen=True)
class Selection:
    """The number of admitted items to train on, and the rule that selects them."""

    share: float
    everything: bool
    weigh: bool

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.share < 1 and self.everything:
            raise ValueError("share divides n items, but everything=true takes all items: leave out one of them")

    def admitted_size(self, n: int) -> int | None:
        """Return the number of admitted items to take: share · n, rounded, or None for all."""
        return None if self.everything else whole(self.share * n)

    def model_size(self, n: int) -> int:
        """Return the number of items to take that count as model output: n minus the admitted items."""
        return n - whole(self.share * n)

    @property
    def weight(self) -> Literal["confidence"] | None:
        """The weight by which items are drawn; None: all items have the same weight."""
        return "confidence" if self.weigh else None


@dataclass(frozen=True)
class Crawl(Regime):
    """n items of the pool, except items that the registry lists as model output; the first model uses the archive"""

    unknown: Literal["human", "model", "drop"] = "human"
    """how items of unknown origin are treated: as human, as model output, or not used"""
    models: Literal["drop", "keep"] = "drop"
    """whether items that are known as model output are dropped or kept; `keep` is training without labels"""
    contested: Literal["drop", "human"] = "drop"
    """how contested items are treated: not used, or as human"""
    log: bool = False
    """whether each provider leaves out its own output by a private log, and uses nothing from the registry"""
    rounds: int = 1
    """number of pools to crawl, from the latest back; 0: all pools and the archive"""
    share: float = 1.0
    """share of the n items that is drawn from admitted items; the others are drawn from items that count as model
    output"""
    everything: bool = False
    """whether to train on all admitted items instead of n"""
    weigh: bool = False
    """whether items are drawn in proportion to a detector's confidence that they are human; items without a confidence
    are not used"""

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise ValueError(f"rounds is {self.rounds}: use a number of pools, or 0 for all pools")
        selection = self.selection
        if self.log and (selection.share < 1 or selection.everything or selection.weigh):
            raise ValueError(
                "with a private log (log=true), a provider draws n items that it did not generate: leave out share, "
                "everything and weigh"
            )

    @cached_property
    def admission(self) -> AdmittedVerdicts:
        """The admitted verdicts."""
        return AdmittedVerdicts(self.unknown, self.models, self.contested, self.log)

    @cached_property
    def selection(self) -> Selection:
        """The number of admitted items to train on."""
        return Selection(self.share, self.everything, self.weigh)

    @property
    def uniform(self) -> bool:
        """Whether n items, or all, are drawn uniformly from the admitted items of the latest pool."""
        return self.rounds == 1 and self.share == 1 and not self.weigh

    def until(self, round: int) -> int:
        """Return the round of the latest pool that is crawled in `round`."""
        return round

    @property
    def private(self) -> bool:
        return self.log

    def verdicts(self) -> list[Verdict]:
        """Return the admitted verdicts."""
        return self.admission.verdicts()

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history, history.n)]
        pools = history.pools[: self.until(history.round) - 1]
        if not pools:
            raise ValueError("this world has no pool to crawl: use a world with a pool, such as --world commons")
        datasets = list(pools[-self.rounds :] if self.rounds else (history.human, *pools))
        # with a private log, the run removes the provider's own items later, so this part takes all items
        size = None if self.log else self.selection.admitted_size(history.n)
        admitted = Part(verdict_in=self.verdicts(), datasets=datasets, size=size, weight=self.selection.weight)
        if self.share == 1:
            return without_empty([admitted])
        model_size = self.selection.model_size(history.n)
        models = Part(verdict_in=self.admission.model_verdicts(), datasets=datasets, size=model_size)
        return without_empty([admitted, models])


@dataclass(frozen=True)
class Entrant(Crawl):
    """crawls until it enters (entry=3); then it trains in every round on the pool with the output of that generation"""

    entry: int = 1
    """generation whose output is in the last pool that is crawled"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.entry < 1:
            raise ValueError(f"entry is {self.entry}: there is no pool before generation 1, use 1 or more")

    def until(self, round: int) -> int:
        return min(round, self.entry + 1)


@dataclass(frozen=True)
class Archive(Regime):
    """only human items that were registered as collected before the first model (the first mover)"""

    everything: bool = field(default=False, metadata=ADDED)
    """whether to train on all these items instead of n"""

    def parts(self, history: RunHistory) -> list[Part]:
        datasets, size = [history.human, *history.pools], None if self.everything else history.n
        return [Part(verdict_in=["human"], datasets=datasets, collected_before=FIRST_MODEL, size=size)]
