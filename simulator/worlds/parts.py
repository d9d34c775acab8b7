"""The parts of a commons: the pool, the registering providers, label errors, lies, the archive and the detector.

Each part checks its own settings, and makes its own statements on the rows that it receives.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.randomness import generator
from simulator.worlds.base import OriginStatement, RoundBatch, Rows
from simulator.worlds.shares import apportion, check_share, whole

Market = Literal["equal", "zipf"]
Training = Literal["equal", "zipf"]
Order = Literal["largest", "smallest", "best", "worst", "random"]


@dataclass(frozen=True)
class SharedPool:
    """The items of a round's pool, and the providers that generate and crawl them."""

    human: float
    providers: int
    market: Market
    training: Training
    size: float
    """number of items in the pool, as a multiple of n; 0: the pool has n / human items"""

    def __post_init__(self) -> None:
        check_share("human", self.human)
        if self.providers < 1:
            raise ValueError(f"providers is {self.providers}: a commons needs at least 1 provider, use 1 or more")
        if self.size < 0 or (self.human == 0 and self.size == 0):
            raise ValueError(f"pool is {self.size:g}: give the size of the pool as a multiple of n, such as pool=4")
        if self.human == 1:
            raise ValueError(
                "human is 1, so the pool would have no model output: use less than 1, or use the regime human-only"
            )

    def items(self, n: int) -> int:
        """Return the number of items in a round's pool."""
        return whole(n * self.size) if self.size else whole(n / self.human)

    def humans(self, n: int) -> int:
        """Return the number of human items in a round's pool."""
        return whole(self.human * self.items(n))

    def outputs(self, n: int) -> tuple[int, ...]:
        """Return the number of items that each provider generates: its market share, rounded by largest remainders."""
        return apportion(self.items(n) - self.humans(n), self.market_shares)

    @property
    def market_shares(self) -> tuple[float, ...]:
        """The share of each provider in all output, from the first provider on; the shares sum to 1."""
        weights = [1.0 if self.market == "equal" else 1 / (k + 1) for k in range(self.providers)]
        return tuple(weight / sum(weights) for weight in weights)

    def training_size(self, provider: int, n: int) -> int:
        """Return the number of items that a provider trains on, where the first provider has the number 0.

        With training `equal` it is n. With `zipf` it is n / (provider + 1), rounded to the nearest whole number, but at
        least 1.
        """
        return n if self.training == "equal" else max(1, whole(n / (provider + 1)))


@dataclass(frozen=True)
class ProviderRegistration:
    """The registered output: a share of each provider's items, or all items of a share of the providers."""

    share: float
    by: Literal["item", "provider"]
    order: Order

    def __post_init__(self) -> None:
        check_share("registered", self.share)

    def registering(self, providers: int, seed: int) -> frozenset[int]:
        """Return the numbers of the providers that register, if `by` is provider: the first ones in `order`."""
        ranked = list(range(providers))  # in descending order of output and of training items
        if self.order in ("smallest", "worst"):
            ranked.reverse()
        elif self.order == "random":
            ranked = generator(seed, "who registers").permutation(providers).tolist()
        return frozenset(ranked[: whole(self.share * providers)])

    def share_of(self, provider: int, providers: int, seed: int) -> float:
        """Return the share of a provider's output that is registered, before lies are subtracted."""
        if self.by == "item":
            return self.share
        return float(provider in self.registering(providers, seed))


@dataclass(frozen=True)
class LabelErrors:
    """The errors of labels: false negatives (`missed`) and false positives (`accused`)."""

    missed: float
    accused: float
    growth: float

    def __post_init__(self) -> None:
        check_share("missed", self.missed)
        check_share("accused", self.accused)
        if self.growth < 0:
            raise ValueError(f"growth is {self.growth:g}: errors cannot decrease from round to round, use 0 or more")

    def missed_of(self, batch: RoundBatch) -> float:
        """Return the share of a batch's registered output that is labelled human."""
        return self._grown(self.missed, batch)

    def accused_of(self, batch: RoundBatch) -> float:
        """Return the share of a batch's human items that is labelled as model output."""
        return self._grown(self.accused, batch)

    def _grown(self, share: float, batch: RoundBatch) -> float:
        """Return the share of errors in a batch: `share`, plus `growth` for each earlier pool, at most 1.

        A pool has the human items of a round and the output of the round before. A share of 0 stays 0.
        """
        age = batch.round - 1 - (batch.maker is None)
        return min(1.0, share + self.growth * age) if share else 0.0

    def registered_as_model(self, rows: Rows, provider: int) -> OriginStatement:
        """Return the true statement of a provider on its own output."""
        return OriginStatement(rows, "model", provider, "generator")

    def registered_as_human(self, rows: Rows) -> OriginStatement:
        """Return the false statement on output that was missed: that it is human."""
        return OriginStatement(rows, "human", None, "detector")

    def accusation(self, rows: Rows) -> OriginStatement:
        """Return the false statement on accused human items: that they are output of the first provider."""
        return OriginStatement(rows, "model", 0, "detector")


@dataclass(frozen=True)
class Lies:
    """Output that its provider registers as human, and the share of this output that another party contests."""

    share: float
    contested: float
    backdated: bool

    def __post_init__(self) -> None:
        check_share("lies", self.share)
        check_share("contested", self.contested)

    def lie(self, rows: Rows) -> OriginStatement:
        """Return the false statement of a provider on its own output: that it is human."""
        return OriginStatement(rows, "human", before=self.backdated)

    def contradiction(self, rows: Rows, provider: int) -> OriginStatement:
        """Return the true statement of another party on the contested part of the lies."""
        contested, _, _ = cut(rows, self.contested, 0.0)
        return OriginStatement(contested, "model", provider)


@dataclass(frozen=True)
class HumanArchive:
    """Human items that are registered as human, with the evidence `capture`."""

    share: float
    vouched: bool
    """whether the statement has the highest confidence (255), so that weighing by confidence selects the items"""

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
            raise ValueError(f"detector is {self.distance:g}: it is a distance between mean scores, use 0 or more")

    def statement(self, rows: Rows, batch: RoundBatch, seed: int, human: float, model: float) -> OriginStatement:
        """Return the statement `human` on these rows, with a confidence for each row.

        `human` and `model` are the true shares of the pool that are human and model output, among the items that the
        detector labels. The detector knows these shares, so a confidence is 255 times the probability that the item is
        human.
        """
        stream = generator(seed, f"what a detector sees of {batch.maker_name}", batch.round)
        score = stream.standard_normal(len(rows)) + self.distance * (0.5 if batch.maker is None else -0.5)
        log_odds = self.distance * score + np.log(max(human, 1e-9) / max(model, 1e-9))
        confidences = np.rint(255 / (1 + np.exp(-log_odds))).astype(np.uint8)
        return OriginStatement(rows, "human", None, "detector", confidences=confidences)


def cut(rows: Rows, first: float, second: float) -> tuple[Rows, Rows, Rows]:
    """Return the rows in three parts: the share `first` of all rows, then the share `second`, then the remaining rows.

    Rounding changes the size of the first part, and of the first two together, by less than one item.
    """
    a, b = whole(first * len(rows)), whole(min(1.0, first + second) * len(rows))
    return rows[:a], rows[a:b], rows[b:]
