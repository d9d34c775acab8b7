"""Who makes data, and what is said of it: the world that is true, and the world that is registered.

In `Truthful`, one line of models registers all it makes as what it is. In `Commons`, several providers share the pool
that each crawls: new human items and everybody's output, of which some is registered, some is registered wrongly, and
the rest is only there, its origin unstated. What is true of an item decides what is said of it here, and reaches nobody
who trains. Pure: a world draws which rows of a batch a statement is about, and registers nothing itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.verdicts import Origin
from firsthand.schemas.registrations import Evidence
from simulator.families.base import ADDED
from simulator.randomness import generator
from simulator.worlds.shares import apportion, whole

Rows: TypeAlias = npt.NDArray[np.int64]
Market = Literal["equal", "zipf"]
Training = Literal["equal", "zipf"]
Order = Literal["largest", "smallest", "best", "worst", "random"]


class Said(NamedTuple):
    """One statement on some rows of a batch, ascending: their origin, by which provider's model, and why believe it."""

    rows: Rows
    origin: Origin
    provider: int | None = None
    evidence: Evidence = "declared"
    before: bool = False
    "whether it says that the items were collected before there was any model"
    confidences: npt.NDArray[np.uint8] | None = None
    "how sure a detector is, of each row, that people made it; 255 is certain"


class Batch(NamedTuple):
    """Items that came into the world together. `maker` is a provider, or None where people made them."""

    round: int
    "the round that made them; of human items, the round that they are there for"
    maker: int | None
    items: int


class World(ABC):
    """How many providers there are, what a round brings, and what is said of it."""

    @property
    @abstractmethod
    def lines(self) -> int:
        """Providers, each with a model a round."""

    @abstractmethod
    def made(self, n: int) -> tuple[int, ...]:
        """How many items each provider makes in a round, where one model trains on n."""

    @abstractmethod
    def found(self, n: int) -> int:
        """How many new human items the pool of each round from the second on has."""

    @abstractmethod
    def said(self, batch: Batch, seed: int) -> list[Said]:
        """What is registered of a batch when it appears. Rows of no statement stay unregistered."""

    def trains(self, provider: int, n: int) -> int:
        """How many items a provider trains on, where a run says n."""
        return n

    def corrected(self, batch: Batch, seed: int, round: int) -> list[Said]:
        """What a round tells of a batch that was there before."""
        return []

    def measured(self, n: int) -> int | None:
        """Of how many of a provider's items, the first ones, its metrics are; None: of all."""
        return None

    @property
    def pooled(self) -> bool:
        """Whether the round's output and new human items lie in one dataset, for everybody to crawl."""
        return False

    @property
    def turns(self) -> int:
        """The round at whose end what was missing is told for the first time; 0: never."""
        return 0

    @property
    def shared_base(self) -> bool:
        """Whether all first models are fitted to the same mix."""
        return False


@dataclass(frozen=True)
class Truthful(World):
    """one line of models; everything is registered, as what it is"""

    times: int = field(default=1, metadata=ADDED)
    """items that a model makes, in times n; metrics are of the first n, to be compared with those of other runs"""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"a model makes n items or some times as many, not {self.times} times")

    @property
    def lines(self) -> int:
        return 1

    def made(self, n: int) -> tuple[int, ...]:
        return (self.times * n,)

    def measured(self, n: int) -> int | None:
        return n

    def found(self, n: int) -> int:
        return 0

    def said(self, batch: Batch, seed: int) -> list[Said]:
        every = np.arange(batch.items)
        if batch.maker is None:
            return [Said(every, "human", before=batch.round == 0)]
        return [Said(every, "model", batch.maker, "generator")]


TRUTHFUL = Truthful()


@dataclass(frozen=True)
class Commons(World):
    """providers share a pool of new human items and of their output, of which a part is registered"""

    human: float = 0.1
    """share p of human items in each round's pool"""
    registered: float = 1.0
    """share of all providers' output that those who register, in `order`, tell of; or of the providers (`by`)"""
    by: Literal["item", "provider"] = "item"
    """whether every provider registers that share of its items, or that share of the providers registers all of them"""
    providers: int = 1
    """K, how many share the pool"""
    market: Market = "equal"
    """who makes how much of the output: all the same, or the k-th 1/k as much as the first"""
    order: Order = "random"
    """which providers register first, where `by` is provider"""
    pool: float = 0.0
    """items of a round's pool, in times n; 0: n/p, so that human items alone suffice to train one model, but no more:
    where some of them are accused, or dropped as unknown, say more"""
    missed: float = 0.0
    """share of the registered output that a detector tells of as human: false negatives"""
    accused: float = 0.0
    """share of human items that a detector tells of as a model's, the first provider's: false positives"""
    lies: float = 0.0
    """share of each provider's output that it registers as human"""
    contested: float = 0.0
    """share of that which somebody else registers as the model's"""
    archived: float = 0.0
    """share of human items that are registered as human"""
    backdated: bool = False
    """whether lies say that the items were collected before there was any model"""
    detector: float = 0.0
    """how far apart a detector sees the two: its scores, of variance 1, have means so far apart; 0: there is none.
    It tells of whatever nobody else has told of as human, with a confidence: the chance that it is, by its score"""
    growth: float = 0.0
    """what `missed` and `accused` grow by from each round's pool to the next, where they are not 0"""
    late: int = 0
    """the round at whose end all that was missing is registered as a model's; 0: never"""
    base: bool = True
    """whether all first models are fitted to the same items; where fitting has chance in it, they still differ"""
    vouched: bool = field(default=False, metadata=ADDED)
    """whether what is archived is told of with certainty, so that who weighs by confidence may draw it as well"""
    training: Training = field(default="equal", metadata=ADDED)
    """how much each trains on, whatever it makes: all n items, or the k-th n/k, so that the first is the best; a model
    that all begin with has n"""

    def __post_init__(self) -> None:
        for name in ("human", "registered", "missed", "accused", "lies", "contested", "archived"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        if self.providers < 1 or self.pool < 0 or self.late < 0 or (self.human == 0 and self.pool == 0):
            raise ValueError(f"{self} is impossible: there is a provider at least, and a pool")
        if self.human == 1:
            raise ValueError("a pool of human items alone is what the regime human-only trains on")
        if self.vouched and not self.detector:
            raise ValueError("certainty is told where there is a detector's confidence to compare it with")
        if self.order in ("best", "worst") and self.training == "equal":
            raise ValueError("who trains on as much as all others is neither the best nor the worst")
        if self.growth < 0 or self.detector < 0:
            raise ValueError(f"growth and a detector's distance are not negative, as in {self}")
        if self.late and self.detector:
            raise ValueError("a detector tells of all that nobody else does, so nothing is left to be told late")
        if self.accused + self.archived > 1:
            raise ValueError(
                "of no human item two things are said at once: accused and archived are 1 together at most"
            )

    @property
    def lines(self) -> int:
        return self.providers

    @property
    def pooled(self) -> bool:
        return True

    @property
    def shared_base(self) -> bool:
        return self.base

    @property
    def turns(self) -> int:
        return self.late

    def trains(self, provider: int, n: int) -> int:
        return n if self.training == "equal" else max(1, whole(n / (provider + 1)))

    def size(self, n: int) -> int:
        """Items of a round's pool."""
        return whole(n * self.pool) if self.pool else whole(n / self.human)

    def found(self, n: int) -> int:
        return whole(self.human * self.size(n))

    def made(self, n: int) -> tuple[int, ...]:
        """By market share; what remains of whole items goes by largest remainder."""
        return apportion(self.size(n) - self.found(n), self.weights)

    @property
    def weights(self) -> tuple[float, ...]:
        """Market shares, that sum to 1."""
        parts = [1.0 if self.market == "equal" else 1 / (k + 1) for k in range(self.providers)]
        return tuple(part / sum(parts) for part in parts)

    def registering(self, seed: int) -> frozenset[int]:
        """The providers that register, where `by` is provider: a share of them, the first in `order`."""
        places = list(range(self.providers))  # the first makes no less, and trains on no less, than any other
        if self.order in ("smallest", "worst"):
            places.reverse()
        elif self.order == "random":
            places = generator(seed, "who registers").permutation(self.providers).tolist()
        return frozenset(places[: whole(self.registered * self.providers)])

    def told(self, provider: int, seed: int) -> float:
        """The share of a provider's output that is registered at all, but for its lies."""
        if self.by == "item":
            return self.registered
        return float(provider in self.registering(seed))

    def said(self, batch: Batch, seed: int) -> list[Said]:
        """Each statement on so many items exactly, which ones by the seed; the rest is in the pool, and no more."""
        shuffled = self._shuffled(batch, seed)
        if batch.maker is None:
            accused, archived, rest = _cut(shuffled, self._grown(self.accused, batch), self.archived)
            certain = np.full(len(archived), 255, np.uint8) if self.vouched else None
            said = [
                Said(accused, "model", 0, "detector"),
                Said(archived, "human", None, "capture", confidences=certain),
            ]
        else:
            lied, told, rest = _cut(shuffled, self.lies, self.told(batch.maker, seed) * (1 - self.lies))
            missed, right, _ = _cut(told, self._grown(self.missed, batch), 1.0)
            caught, _, _ = _cut(lied, self.contested, 0.0)
            said = [Said(right, "model", batch.maker, "generator"), Said(lied, "human", before=self.backdated)]
            said += [Said(missed, "human", None, "detector"), Said(caught, "model", batch.maker)]
        rest = np.sort(rest)
        said.append(self._detected(rest, batch, seed) if self.detector else Said(rest, "unstated"))
        return [statement._replace(rows=np.sort(statement.rows)) for statement in said if len(statement.rows)]

    def _detected(self, rows: Rows, batch: Batch, seed: int) -> Said:
        """A detector's claims. It knows what share of what it sees is human, and so has calibrated confidences."""
        who = "people" if batch.maker is None else str(batch.maker)
        noise = generator(seed, f"what a detector sees of {who}", batch.round).standard_normal(len(rows))
        score = noise + self.detector * (0.5 if batch.maker is None else -0.5)
        told = sum(w * self.told(k, seed) for k, w in enumerate(self.weights))
        human = self.human * (1 - min(1.0, self._grown(self.accused, batch) + self.archived))
        model = (1 - self.human) * (1 - self.lies) * (1 - told)
        odds = self.detector * score + np.log(max(human, 1e-9) / max(model, 1e-9))
        confidences = np.rint(255 / (1 + np.exp(-odds))).astype(np.uint8)
        return Said(rows, "human", None, "detector", confidences=confidences)

    def corrected(self, batch: Batch, seed: int, round: int) -> list[Said]:
        """At the end of round `late`, and for each batch from then on: what nobody had told of is a model's."""
        if not self.late or batch.maker is None or max(batch.round, self.late) != round:
            return []
        unstated = [one for one in self.said(batch, seed) if one.origin == "unstated"]
        return [Said(one.rows, "model", batch.maker, "generator") for one in unstated]

    def _grown(self, share: float, batch: Batch) -> float:
        """Every batch of one pool has the same: its human items are there for the round after that of its output."""
        age = batch.round - 1 - (batch.maker is None)
        return min(1.0, share + self.growth * age) if share else 0.0

    def _shuffled(self, batch: Batch, seed: int) -> Rows:
        who = "people" if batch.maker is None else str(batch.maker)
        return generator(seed, f"what is said of {who}", batch.round).permutation(batch.items)


def _cut(rows: Rows, first: float, second: float) -> tuple[Rows, Rows, Rows]:
    """The first rows, the next and the rest, by shares of all; none is off by a whole item, nor are two together."""
    a, b = whole(first * len(rows)), whole(min(1.0, first + second) * len(rows))
    return rows[:a], rows[a:b], rows[b:]
