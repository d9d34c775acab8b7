"""Regimes of providers that crawl a pool, with rules for items whose origin is unknown.

A pool has the items that can be collected in a round: new human items, and the output of the previous round.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.schemas.mixes import Part
from simulator.families.base import ADDED
from simulator.ranges import check_share
from simulator.regimes.history import FIRST_MODEL, Regime, RunHistory, human, without_empty
from simulator.worlds.shares import whole


@dataclass(frozen=True)
class AdmittedVerdicts:
    """The rule that decides which items may be used for training, by their verdict.

    The fields are settings of `Crawl`; `private_log` is its setting `log`.
    """

    unknown: Literal["human", "model", "drop"]
    models: Literal["drop", "keep"]
    contested: Literal["drop", "human"]
    private_log: bool

    def verdicts(self) -> list[Verdict]:
        """Return the verdicts of the items that may be used for training.

        These are all verdicts if `private_log` is true, because then nothing from the registry is used.
        """
        if self.private_log:
            return list(VERDICTS)
        admitted: list[Verdict] = ["human"]
        admitted += ["unknown"] if self.unknown == "human" else []
        admitted += ["model"] if self.models == "keep" else []
        admitted += ["contested"] if self.contested == "human" or self.models == "keep" else []
        return admitted

    def model_verdicts(self) -> list[Verdict]:
        """Return the verdicts that this regime treats as model output.

        They are `model`, and also `unknown` with unknown=model.
        """
        return ["model", "unknown"] if self.unknown == "model" else ["model"]


@dataclass(frozen=True)
class Selection:
    """The number of items to train on, and the rule that selects them from the admitted items.

    An item is admitted if the regime may train on it. The fields are settings of `Crawl`.
    """

    share: float
    everything: bool
    weigh: bool

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.share < 1 and self.everything:
            raise ValueError(
                f"share is {self.share:g} and everything is true: share divides n items, but everything=true takes all "
                "items. Leave out share or everything"
            )

    def admitted_size(self, n: int) -> int | None:
        """Return the number of admitted items to take: `share` · n, rounded; None to take all admitted items."""
        return None if self.everything else whole(self.share * n)

    def model_size(self, n: int) -> int:
        """Return the number of items to take that count as model output: n minus the number of admitted items."""
        return n - whole(self.share * n)

    @property
    def weight(self) -> Literal["confidence"] | None:
        """The setting `weight` of the recipe part: `confidence` or None.

        With `confidence`, the probability that an item is drawn is proportional to a detector's confidence that the
        item is human. With None, all items are drawn with the same probability.
        """
        return "confidence" if self.weigh else None


@dataclass(frozen=True)
class Crawl(Regime):
    """trains on n items of the pool, without items that the registry lists as model output

    The first model trains on human items from before round 1.
    """

    unknown: Literal["human", "model", "drop"] = "human"
    """how items with the verdict `unknown` are treated: `human`, `model` (as model output) or `drop` (not used)"""
    models: Literal["drop", "keep"] = "drop"
    """whether items with the verdict `model` are used: `drop` (not used) or `keep` (used, as without labels)"""
    contested: Literal["drop", "human"] = "drop"
    """how items with the verdict `contested` are treated: `drop` (not used) or `human`"""
    log: bool = False
    """true: each provider has a private log of its own output, removes this output, and uses nothing from the
    registry"""
    rounds: int = 1
    """number of pools to crawl: the latest pool and the pools before it; 0: all pools, and the human items from
    before round 1"""
    share: float = 1.0
    """share of the n training items that is drawn from the admitted items; the others are drawn from items that
    count as model output"""
    everything: bool = False
    """true: train on all admitted items; false: train on n of them"""
    weigh: bool = False
    """true: the probability that an item is drawn is proportional to a detector's confidence that the item is human;
    items without a confidence are not used"""

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise ValueError(f"rounds is {self.rounds}: use a number of pools, such as 1, or 0 for all pools")
        selection = self.selection
        if self.log and (selection.share < 1 or selection.everything or selection.weigh):
            raise ValueError(
                "log is true: with a private log, a provider draws n items that it did not generate, so share, "
                "everything and weigh cannot be used. Leave them out"
            )

    @cached_property
    def admission(self) -> AdmittedVerdicts:
        """The rule that decides which items may be used for training, by their verdict."""
        return AdmittedVerdicts(self.unknown, self.models, self.contested, self.log)

    @cached_property
    def selection(self) -> Selection:
        """The number of items to train on, and the rule that selects them."""
        return Selection(self.share, self.everything, self.weigh)

    @property
    def uniform(self) -> bool:
        """Whether items are drawn from the admitted items of only the latest pool, all with equal probability."""
        return self.rounds == 1 and self.share == 1 and not self.weigh

    def until(self, round: int) -> int:
        """Return the number of the latest pool that may be crawled in `round`. A pool has the number of its round."""
        return round

    @property
    def private(self) -> bool:
        return self.log

    def verdicts(self) -> list[Verdict]:
        """Return the verdicts of the items that may be used for training."""
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
    """trains like `crawl` up to the pool with the output of generation `entry`, and on this pool in all later rounds

    With entry=3, the model of round 4 trains on the pool with the output of generation 3. The models of all later
    rounds train on the same pool.
    """

    entry: int = 1
    """number of the generation whose output is in the last pool that is crawled"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.entry < 1:
            raise ValueError(f"entry is {self.entry}: there is no pool before generation 1, use 1 or more")

    def until(self, round: int) -> int:
        return min(round, self.entry + 1)


@dataclass(frozen=True)
class Archive(Regime):
    """trains only on items with the verdict human that, by their registration, were collected before any model existed

    This is the advantage of a first mover.
    """

    everything: bool = field(default=False, metadata=ADDED)
    """true: train on all these items; false: train on n of them"""

    def parts(self, history: RunHistory) -> list[Part]:
        datasets, size = [history.human, *history.pools], None if self.everything else history.n
        return [Part(verdict_in=["human"], datasets=datasets, collected_before=FIRST_MODEL, size=size)]
