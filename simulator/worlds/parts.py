"""The parts of the world `commons`: pool, registering providers, label errors, lies, human archive and detector.

Each part checks its own settings. It makes its own statements on the items whose indices (`rows`) it receives.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.randomness import generator
from simulator.ranges import check_least, check_share
from simulator.worlds.base import OriginStatement, RoundBatch, Rows
from simulator.worlds.shares import apportion, whole

Market = Literal["equal", "zipf"]
Training = Literal["equal", "zipf"]
Order = Literal["largest", "smallest", "best", "worst", "random"]


@dataclass(frozen=True)
class SharedPool:
    """The numbers of items in the pool of a round, and the providers that generate and crawl these items.

    The fields are settings of `Commons`; `size` is its setting `pool`.
    """

    human: float
    providers: int
    market: Market
    training: Training
    size: float
    """number of items in the pool of a round, as a multiple of n; 0: the pool has n / `human` items"""

    def __post_init__(self) -> None:
        check_share("human", self.human)
        check_least(1, providers=self.providers)
        check_least(0, pool=self.size)
        if self.human == 0 and self.size == 0:
            raise ValueError("human is 0 and pool is 0: set the size of the pool as a multiple of n, such as pool=4")
        if self.human == 1:
            raise ValueError(
                "human is 1, so the pool would have no model output: use less than 1, or use the regime human-only"
            )

    def items(self, n: int) -> int:
        """Return the number of items in the pool of a round."""
        return whole(n * self.size) if self.size else whole(n / self.human)

    def humans(self, n: int) -> int:
        """Return the number of human items in the pool of a round."""
        return whole(self.human * self.items(n))

    def outputs(self, n: int) -> tuple[int, ...]:
        """Return the number of items that each provider generates in a round.

        It is the provider's share of all output, rounded by the largest-remainder method.
        """
        return apportion(self.items(n) - self.humans(n), self.market_shares)

    @property
    def market_shares(self) -> tuple[float, ...]:
        """The share of each provider in all output, beginning with the first provider. The sum of the shares is 1."""
        weights = [1.0 if self.market == "equal" else 1 / (k + 1) for k in range(self.providers)]
        return tuple(weight / sum(weights) for weight in weights)

    def training_size(self, provider: int, n: int) -> int:
        """Return the number of items that a provider trains on. The first provider has the number 0.

        If `training` is `equal`, it is n. If it is `zipf`, it is n / (provider + 1), rounded to the nearest whole
        number, but at least 1.
        """
        return n if self.training == "equal" else max(1, whole(n / (provider + 1)))


@dataclass(frozen=True)
class ProviderRegistration:
    """The rule that decides which output is registered.

    It is a share of each provider's items (`by` is `item`), or all items of a share of the providers (`by` is
    `provider`).
    """

    share: float
    by: Literal["item", "provider"]
    order: Order

    def __post_init__(self) -> None:
        check_share("registered", self.share)

    def registering(self, providers: int, seed: int) -> frozenset[int]:
        """Return the numbers of the providers that register, if `by` is `provider`.

        They are the first `share` · `providers` providers in the order `order`, rounded. The order `random` depends on
        the seed.
        """
        ranked = list(range(providers))  # in descending order of output and of training items
        if self.order in ("smallest", "worst"):
            ranked.reverse()
        elif self.order == "random":
            ranked = generator(seed, "who registers").permutation(providers).tolist()
        return frozenset(ranked[: whole(self.share * providers)])

    def share_of(self, provider: int, providers: int, seed: int) -> float:
        """Return the share of a provider's output that is registered, before lies are subtracted from it."""
        if self.by == "item":
            return self.share
        return float(provider in self.registering(providers, seed))


@dataclass(frozen=True)
class LabelErrors:
    """The shares of items that get a wrong label.

    `missed` is the share of registered model output that is labelled as human. `accused` is the share of human items
    that is labelled as model output. `growth` is the increase of both shares per round.
    """

    missed: float
    accused: float
    growth: float

    def __post_init__(self) -> None:
        check_share("missed", self.missed)
        check_share("accused", self.accused)
        if self.growth < 0:
            raise ValueError(
                f"growth is {self.growth:g}: errors cannot decrease from round to round, use 0 or more, such as 0.01"
            )

    def missed_of(self, batch: RoundBatch) -> float:
        """Return the share of a batch's registered output that is labelled as human."""
        return self._grown(self.missed, batch)

    def accused_of(self, batch: RoundBatch) -> float:
        """Return the share of a batch's human items that is labelled as model output."""
        return self._grown(self.accused, batch)

    def _grown(self, share: float, batch: RoundBatch) -> float:
        """Return the share of wrong labels in a batch: `share`, plus `growth` for each earlier pool, at most 1.

        A pool has the human items of a round and the output of the previous round. A share of 0 stays 0.
        """
        age = batch.round - 1 - (batch.maker is None)
        return min(1.0, share + self.growth * age) if share else 0.0

    def registered_as_model(self, rows: Rows, provider: int) -> OriginStatement:
        """Return the true statement that a provider makes on its own output: that its model generated the items."""
        return OriginStatement(rows, "model", provider, "generator")

    def registered_as_human(self, rows: Rows) -> OriginStatement:
        """Return the false statement that a detector makes on model output that it missed: that the items are human."""
        return OriginStatement(rows, "human", None, "detector")

    def accusation(self, rows: Rows) -> OriginStatement:
        """Return the false statement that a detector makes on human items: that the first provider generated them."""
        return OriginStatement(rows, "model", 0, "detector")


@dataclass(frozen=True)
class Lies:
    """Model output that its provider registers as human, and the share of it that another party contests.

    `share` is the setting `lies` of `Commons`.
    """

    share: float
    contested: float
    backdated: bool

    def __post_init__(self) -> None:
        check_share("lies", self.share)
        check_share("contested", self.contested)

    def lie(self, rows: Rows) -> OriginStatement:
        """Return the false statement that a provider makes on its own output: that the items are human."""
        return OriginStatement(rows, "human", before=self.backdated)

    def contradiction(self, rows: Rows, provider: int) -> OriginStatement:
        """Return the true statement of another party on the contested part of the lies: `model`."""
        contested, _, _ = cut(rows, self.contested, 0.0)
        return OriginStatement(contested, "model", provider)


@dataclass(frozen=True)
class HumanArchive:
    """Human items that are registered as human, with the evidence `capture`.

    `share` is their share of all human items.
    """

    share: float
    vouched: bool
    """whether the statement has the highest confidence (255), so that `weigh=true` of the regime selects the items"""

    def __post_init__(self) -> None:
        check_share("archived", self.share)

    def statement(self, rows: Rows) -> OriginStatement:
        """Return the true statement on archived items: that they are human."""
        certain = np.full(len(rows), 255, np.uint8) if self.vouched else None
        return OriginStatement(rows, "human", None, "capture", confidences=certain)


@dataclass(frozen=True)
class OriginDetector:
    """A detector that states `human`, with a confidence, on every item that has no other statement.

    Its scores are normal with variance 1. The mean score of human items is `distance` above that of model output.
    """

    distance: float

    def __post_init__(self) -> None:
        if self.distance < 0:
            raise ValueError(
                f"detector is {self.distance:g}: it is a distance between mean scores, use 0 or more, such as 1"
            )

    def statement(self, rows: Rows, batch: RoundBatch, seed: int, human: float, model: float) -> OriginStatement:
        """Return a statement that the items with the indices `rows` are human, with a confidence for each item.

        `human` is the share of all items in the pool that are human and have no other statement. `model` is the share
        of all items that are model output and have no other statement. The detector knows these two shares. Its
        confidence is 255 times the probability that the item is human.
        """
        stream = generator(seed, f"what a detector sees of {batch.maker_name}", batch.round)
        score = stream.standard_normal(len(rows)) + self.distance * (0.5 if batch.maker is None else -0.5)
        log_odds = self.distance * score + np.log(max(human, 1e-9) / max(model, 1e-9))
        confidences = np.rint(255 / (1 + np.exp(-log_odds))).astype(np.uint8)
        return OriginStatement(rows, "human", None, "detector", confidences=confidences)


def cut(rows: Rows, first: float, second: float) -> tuple[Rows, Rows, Rows]:
    """Divide `rows` into three parts: the share `first` of all rows, the share `second`, and the remaining rows.

    Both shares are shares of all rows. `rows` are indices of items. Because of rounding, the size of the first part
    differs by less than one item from the exact share, and so does the size of the first two parts together.
    """
    a, b = whole(first * len(rows)), whole(min(1.0, first + second) * len(rows))
    return rows[:a], rows[a:b], rows[b:]
