"""Regimes that set the numbers of human and model items by a ratio, by a share, by age or by the best weight."""

from dataclasses import dataclass
from math import sqrt

from firsthand.schemas.mixes import Part
from simulator.ranges import check_share
from simulator.regimes.history import Regime, RunHistory, human, last_generation, made, newest, without_empty
from simulator.regimes.literature import Fresh
from simulator.worlds.shares import apportion, whole

#: The largest number of parts in a recipe.
PARTS = 64


@dataclass(frozen=True)
class Augment(Regime):
    """trains on all initial human items, and on λ times as many model items (Bertrand et al. 2024)

    λ is the setting `ratio`. With λ = 1, this is the synthetic augmentation loop of Alemohammad et al. 2023 (MAD). With
    growing=true, the number of model items increases by λ times the human items in each round, and they are drawn from
    all generations so far.
    """

    ratio: float = 1.0
    """λ, the number of model items divided by the number of human items; each round must generate at least λ times as
    many items as there are human items"""
    growing: bool = False
    """true: model items are from all generations so far, and their number increases by λ times the human items in
    each round; false: they are only from the last generation"""

    def __post_init__(self) -> None:
        if self.ratio < 0:
            raise ValueError(
                f"ratio is {self.ratio:g}: it multiplies the number of human items, use 0 or more, such as 1"
            )

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history)]
        size = whole(self.ratio * history.humans)
        synthetic = made(history, size * (history.round - 1)) if self.growing else last_generation(history, size)
        return without_empty([human(history), synthetic])


@dataclass(frozen=True)
class HumanPart(Regime):
    """trains only on the human items of `preserve` or `fresh`, without the model items

    This baseline shows whether model items help. The first model has n human items, as in these regimes.
    """

    share: float = 0.1
    """number of human items as a share of n, above 0"""
    fresh: bool = False
    """true: new human items in each round, as in `fresh`; false: drawn from the initial human data, as in `preserve`"""

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.share == 0:
            raise ValueError("share is 0, so there are no items to train on: use more than 0, such as 0.1")

    def new_humans(self, n: int) -> int:
        return whole(self.share * n) if self.fresh else 0

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history, history.n)]
        return [newest(history) if self.fresh else human(history, whole(self.share * history.n))]


@dataclass(frozen=True)
class Cap(Regime):
    """trains on all initial human items, and on output of all models up to a share s of the mix"""

    share: float = 0.5
    """s, the largest share of model items in the mix, below 1"""

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.share == 1:
            raise ValueError("share is 1, so there is no cap: use less than 1, such as 0.5, or the regime accumulate")

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history)]
        allowed = int(history.humans * self.share / (1 - self.share) + 1e-9)
        return without_empty([human(history), made(history, min(allowed, history.n * (history.round - 1)))])


@dataclass(frozen=True)
class Decay(Regime):
    """trains on n items from all generations; an older generation has fewer items if `decay` is below 1

    The weight of a generation is decay^age. The last generation has age 0, and the human data are the oldest
    generation. With decay=0, this is the regime `replace`. With decay=1, each generation has the same number of items.
    Above 1, older generations have more items. If there are more than 64 generations, the 64 generations with the
    largest weights are used.
    """

    decay: float = 0.5
    """weight of a generation, divided by the weight of the generation after it"""

    def __post_init__(self) -> None:
        if self.decay < 0:
            raise ValueError(f"decay is {self.decay:g}: it is a weight, use 0 or more, such as 0.5")

    def parts(self, history: RunHistory) -> list[Part]:
        generations = sorted(set(history.generations), reverse=True)
        heaviest = generations[:PARTS] if self.decay <= 1 else generations[-PARTS:]
        weights = [self.decay**age for age in range(len(heaviest))]
        sizes = apportion(history.n, tuple(weight / sum(weights) for weight in weights))
        by_generation = zip(heaviest, sizes, strict=True)
        return without_empty(
            [Part(generation_in=[g], datasets=history.datasets, size=size) for g, size in by_generation]
        )


@dataclass(frozen=True)
class Golden(Regime):
    """trains as `fresh` with the best share for k human items per model item (He et al. 2025, 2502.18049)

    In the paper, this share is a weight of estimates. Here it is the human share of the n items: 0.618 for k = 1.
    """

    ratio: float = 1.0
    """k, the number of new human items per model item"""

    @property
    def chosen(self) -> Fresh:
        """The regime `fresh` with the best human share w* = (√(k² + 4k) − k)/2."""
        return Fresh(golden_ratio(self.ratio))

    def new_humans(self, n: int) -> int:
        return self.chosen.new_humans(n)

    def parts(self, history: RunHistory) -> list[Part]:
        return self.chosen.parts(history)


def golden_ratio(k: float) -> float:
    """Return the best weight of new human data, w* = (√(k² + 4k) − k)/2, for k human items per model item.

    Source: He et al. 2025, 2502.18049. The weight minimizes `simulator.oracles.weighted_error_at_last`. Raises
    ValueError if k is not above 0.
    """
    if k <= 0:
        raise ValueError(f"ratio is {k:g}: it is the number of human items per model item, use more than 0, such as 1")
    return (sqrt(k**2 + 4 * k) - k) / 2
