"""Regimes that set the numbers of human and model items by a ratio, a share, the age or the best weight."""

from dataclasses import dataclass
from math import sqrt

from firsthand.schemas.mixes import Part
from simulator.regimes.history import Regime, RunHistory, human, last_generation, made, newest, without_empty
from simulator.regimes.literature import Fresh
from simulator.worlds.shares import apportion, check_share, whole

#: The largest number of parts in a recipe.
PARTS = 64


@dataclass(frozen=True)
class Augment(Regime):
    """all initial human data, plus λ times as many synthetic items (Bertrand et al. 2024; Alemohammad et al. 2023)

    The synthetic augmentation loop of MAD has λ = 1. With `growing`, the number of synthetic items increases by λ times
    the human items in each round, and they are drawn from all generations so far.
    """

    ratio: float = 1.0
    """λ, the number of synthetic items as a multiple of the human items; a generation has at most n items"""
    growing: bool = False
    """true: synthetic items are from all generations so far, and increase by λ times the human items each round; false:
    they are only from the last generation"""

    def __post_init__(self) -> None:
        if self.ratio < 0:
            raise ValueError(f"ratio is {self.ratio:g}: it multiplies the number of human items, use 0 or more")

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history)]
        size = whole(self.ratio * history.humans)
        synthetic = made(history, size * (history.round - 1)) if self.growing else last_generation(history, size)
        return without_empty([human(history), synthetic])


@dataclass(frozen=True)
class HumanPart(Regime):
    """only the human items of `preserve` or `fresh`, without the synthetic items

    This baseline shows whether synthetic data helps. The first model has n human items, as with those regimes.
    """

    share: float = 0.1
    """human items as a share of n, above 0"""
    fresh: bool = False
    """true: new human items in each round, as in `fresh`; false: drawn from the initial human data, as in `preserve`"""

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.share == 0:
            raise ValueError("share is 0, so there are no items to train on: use more than 0")

    def new_humans(self, n: int) -> int:
        return whole(self.share * n) if self.fresh else 0

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history, history.n)]
        return [newest(history) if self.fresh else human(history, whole(self.share * history.n))]


@dataclass(frozen=True)
class Cap(Regime):
    """all initial human data, plus output of all models up to a share s of the mix"""

    share: float = 0.5
    """s, the largest share of synthetic items, below 1"""

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.share == 1:
            raise ValueError("share is 1, so there is no cap: use less than 1, or the regime accumulate")

    def parts(self, history: RunHistory) -> list[Part]:
        if not history.models:
            return [human(history)]
        allowed = int(history.humans * self.share / (1 - self.share) + 1e-9)
        return without_empty([human(history), made(history, min(allowed, history.n * (history.round - 1)))])


@dataclass(frozen=True)
class Decay(Regime):
    """n items from all generations; the weight of a generation is decay^age, and the human data are the oldest

    The last generation has age 0. A decay of 0 is the regime replace; 1 takes the same number of items from each
    generation; above 1, older generations have more items. If there are more than 64 generations, the 64 generations
    with the largest weights are used.
    """

    decay: float = 0.5
    """weight of a generation, as a multiple of the weight of the next generation"""

    def __post_init__(self) -> None:
        if self.decay < 0:
            raise ValueError(f"decay is {self.decay:g}: it is a weight, use 0 or more")

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
    """`fresh` with the best share for k human items per synthetic item (He et al. 2025, 2502.18049)

    In the paper, the share is a weight of estimates. Here it is the human share of the n items: 0.618 for k = 1.
    """

    ratio: float = 1.0
    """k, the number of new human items per synthetic item"""

    @property
    def chosen(self) -> Fresh:
        """The regime fresh with the share w* = (√(k² + 4k) − k)/2."""
        return Fresh(golden_ratio(self.ratio))

    def new_humans(self, n: int) -> int:
        return self.chosen.new_humans(n)

    def parts(self, history: RunHistory) -> list[Part]:
        return self.chosen.parts(history)


def golden_ratio(k: float) -> float:
    """Return the best weight of new human data, w* = (√(k² + 4k) − k)/2, for k human items per synthetic item.

    He et al. 2025, 2502.18049. It minimizes `simulator.oracles.weighted_error_at_last`. Raises ValueError if k is not
    above 0.
    """
    if k <= 0:
        raise ValueError(f"ratio is {k:g}: it is the number of human items per synthetic item, use more than 0")
    return (sqrt(k**2 + 4 * k) - k) / 2
