"""The commons: several providers share a pool of human items and of their own output, which is partly registered.

`Commons` has all settings as flat fields, because run ids and texts such as `commons:0.1,registered=0.5` depend on
them. The behaviour is in its parts (`simulator.worlds.parts`).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from simulator.families.base import ADDED
from simulator.randomness import generator
from simulator.worlds.base import OriginStatement, RoundBatch, World
from simulator.worlds.parts import (
    HumanArchive,
    LabelErrors,
    Lies,
    Market,
    Order,
    OriginDetector,
    ProviderRegistration,
    SharedPool,
    Training,
    cut,
)


@dataclass(frozen=True)
class Commons(World):
    """providers share a pool of new human items and of their own output; a part of the output is registered"""

    human: float = 0.1
    """p, the share of human items in the pool of each round"""
    registered: float = 1.0
    """share of each provider's output that is registered (`by` is `item`), or share of the providers that register
    (`by` is `provider`)"""
    by: Literal["item", "provider"] = "item"
    """`item`: every provider registers the share `registered` of its items; `provider`: the share `registered` of
    the providers registers all their items"""
    providers: int = 1
    """K, the number of providers that share the pool"""
    market: Market = "equal"
    """how many items the providers generate: `equal`: all the same number; `zipf`: provider number k generates 1/k
    times as many items as the first"""
    order: Order = "random"
    """order in which providers are selected to register, if `by` is `provider`: `largest`, `smallest`, `best`,
    `worst` or `random`"""
    pool: float = 0.0
    """number of items in the pool of a round, as a multiple of n; 0: n/p items, of which n are human, enough to
    train one model. Use a larger pool if some human items are registered as model output (`accused`), or not used
    because their origin is unknown"""
    missed: float = 0.0
    """false negatives: share of the registered output that a detector registers as human by mistake"""
    accused: float = 0.0
    """false positives: share of human items that a detector registers as output of the first provider by mistake"""
    lies: float = 0.0
    """share of each provider's output that the provider registers as human on purpose"""
    contested: float = 0.0
    """share of the items in `lies` that another party registers correctly, as model output"""
    archived: float = 0.0
    """share of new human items that are registered as human, with the evidence `capture`"""
    backdated: bool = False
    """true: the statements in `lies` say that the items were collected before the first model"""
    detector: float = 0.0
    """distance between the mean scores of a detector for human items and for model items (scores have variance 1);
    0: no detector. The detector registers every remaining item as human; its confidence is the probability that the
    item is human"""
    growth: float = 0.0
    """increase of the shares `missed` and `accused` per round; a share that is 0 stays 0"""
    late: int = 0
    """number of the round at whose end all missing claims on output are registered; after it, each round registers
    the missing claims on its own output at its end; 0: never"""
    base: bool = True
    """true: the first models of all providers are fitted to the same items; if fitting uses randomness, the models
    still differ"""
    vouched: bool = field(default=False, metadata=ADDED)
    """true: archived items are registered with the highest confidence, so that `weigh=true` of the regime selects
    them"""
    training: Training = field(default="equal", metadata=ADDED)
    """number of items that providers train on: `equal`: n; `zipf`: n/k for provider number k, so the first provider
    has the best model. First models that are fitted to the same items (`base`) have n items"""

    def __post_init__(self) -> None:
        parts = (
            self.shared_pool,
            self.registration,
            self.label_errors,
            self.false_claims,
            self.archive,
            self.detection,
        )
        assert all(parts)  # building a part checks its settings; the checks below concern two parts
        if self.vouched and not self.detector:
            raise ValueError(
                "vouched is true and detector is 0: vouched=true gives archived items the highest confidence, next to "
                "the confidences that a detector gives to other items. Set detector above 0, such as detector=1, or "
                "leave out vouched"
            )
        if self.order in ("best", "worst") and self.training == "equal":
            raise ValueError(
                f"order is {self.order} and training is equal: this order ranks providers by their number of training "
                "items, so set training=zipf, or use another order, such as largest"
            )
        if self.late < 0:
            raise ValueError(f"late is {self.late}: use the number of a round, such as 5, or 0 for never")
        if self.late and self.detector:
            raise ValueError(
                f"late is {self.late} and detector is {self.detector:g}: claims can be late only for items without a "
                "claim, but a detector makes a claim on every item. Set late=0 or detector=0"
            )
        if self.accused + self.archived > 1:
            raise ValueError(
                f"accused is {self.accused:g} and archived is {self.archived:g}: each human item is in at most one of "
                "these two shares, so their sum must be at most 1, such as accused=0.1,archived=0.5"
            )

    @cached_property
    def shared_pool(self) -> SharedPool:
        """The part of the world that sets the items of each round's pool."""
        return SharedPool(self.human, self.providers, self.market, self.training, self.pool)

    @cached_property
    def registration(self) -> ProviderRegistration:
        """The part of the world that decides which output is registered."""
        return ProviderRegistration(self.registered, self.by, self.order)

    @cached_property
    def label_errors(self) -> LabelErrors:
        """The part of the world that decides which items are registered with a wrong origin by mistake."""
        return LabelErrors(self.missed, self.accused, self.growth)

    @cached_property
    def false_claims(self) -> Lies:
        """The part of the world that decides which output is registered as human on purpose."""
        return Lies(self.lies, self.contested, self.backdated)

    @cached_property
    def archive(self) -> HumanArchive:
        """The part of the world that decides which human items are registered as human."""
        return HumanArchive(self.archived, self.vouched)

    @cached_property
    def detection(self) -> OriginDetector:
        """The detector, which makes a statement on every item without another statement.

        It is used only if the setting `detector` is not 0.
        """
        return OriginDetector(self.detector)

    @property
    def pooled(self) -> bool:
        return True

    @property
    def shared_base(self) -> bool:
        return self.base

    @property
    def correction_round(self) -> int:
        return self.late

    def training_size(self, provider: int, n: int) -> int:
        return self.shared_pool.training_size(provider, n)

    def new_humans(self, n: int) -> int:
        return self.shared_pool.humans(n)

    def outputs(self, n: int) -> tuple[int, ...]:
        return self.shared_pool.outputs(n)

    def registering(self, seed: int) -> frozenset[int]:
        """Return the numbers of the providers that register their output, if `by` is `provider`."""
        return self.registration.registering(self.providers, seed)

    def statements(self, batch: RoundBatch, seed: int) -> list[OriginStatement]:
        """Return the statements that are registered on a batch of items.

        The settings determine how many items each statement covers; the seed determines which items.
        """
        stream = generator(seed, f"what is said of {batch.maker_name}", batch.round)
        rows = stream.permutation(batch.items)
        if batch.maker is None:
            accused, archived, remaining = cut(rows, self.label_errors.accused_of(batch), self.archive.share)
            statements = [self.label_errors.accusation(accused), self.archive.statement(archived)]
        else:
            honest = self.registration.share_of(batch.maker, self.providers, seed) * (1 - self.lies)
            lied, registered, remaining = cut(rows, self.lies, honest)
            missed, right, _ = cut(registered, self.label_errors.missed_of(batch), 1.0)
            statements = [
                self.label_errors.registered_as_model(right, batch.maker),
                self.false_claims.lie(lied),
                self.label_errors.registered_as_human(missed),
                self.false_claims.contradiction(lied, batch.maker),
            ]
        remaining = np.sort(remaining)  # the detector's scores belong to items in ascending order
        statements.append(
            self.detection.statement(remaining, batch, seed, *self._shares_seen(batch, seed))
            if self.detector
            else OriginStatement(remaining, "unstated")
        )
        return [statement._replace(rows=np.sort(statement.rows)) for statement in statements if len(statement.rows)]

    def _shares_seen(self, batch: RoundBatch, seed: int) -> tuple[float, float]:
        """Return two shares of all items in the pool: human items, and model output, that only the detector labels."""
        shares = enumerate(self.shared_pool.market_shares)
        registered = sum(w * self.registration.share_of(k, self.providers, seed) for k, w in shares)
        human = self.human * (1 - min(1.0, self.label_errors.accused_of(batch) + self.archived))
        return human, (1 - self.human) * (1 - self.lies) * (1 - registered)

    def corrections(self, batch: RoundBatch, seed: int, round: int) -> list[OriginStatement]:
        """Return the missing claims on a batch of output, if they are registered in `round`; otherwise an empty list.

        For a batch from before round `late`, they are registered in round `late`. For a later batch, they are
        registered in the round of the batch.
        """
        if not self.late or batch.maker is None or max(batch.round, self.late) != round:
            return []
        unstated = [statement for statement in self.statements(batch, seed) if statement.origin == "unstated"]
        return [OriginStatement(statement.rows, "model", batch.maker, "generator") for statement in unstated]
