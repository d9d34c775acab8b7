"""Regimes that choose how much of what: by share, by age, by what is best."""

from dataclasses import dataclass
from math import sqrt

from firsthand.schemas.mixes import Part
from simulator.regimes.history import History, Regime, human, last_generation, made, newest, without_empty
from simulator.regimes.literature import Fresh
from simulator.worlds.shares import apportion, check, whole

#: Parts that a recipe may have.
PARTS = 64


@dataclass(frozen=True)
class Augment(Regime):
    """all the first human data, and λ times as many synthetic items (Bertrand et al. 2024; Alemohammad et al. 2023)

    MAD's synthetic augmentation loop is λ = 1. `growing`: λ times as many of each generation so far, drawn from all.
    """

    ratio: float = 1.0
    """λ, synthetic items in times the human ones; a generation has n and no more"""
    growing: bool = False
    """whether they come from all generations so far, as many more each round, or from the last alone"""

    def __post_init__(self) -> None:
        if self.ratio < 0:
            raise ValueError(f"a ratio is not negative, as {self.ratio} is")

    def parts(self, history: History) -> list[Part]:
        if not history.models:
            return [human(history)]
        size = whole(self.ratio * history.humans)
        synthetic = made(history, size * (history.round - 1)) if self.growing else last_generation(history, size)
        return without_empty([human(history), synthetic])


@dataclass(frozen=True)
class HumanPart(Regime):
    """what `preserve` or `fresh` takes of human items, and nothing else: its synthetic part is thrown away

    The baseline that says whether synthetic data help at all. The first model has n human items, as under those.
    """

    share: float = 0.1
    """share of n that is human, above 0"""
    fresh: bool = False
    """whether they are new each round, or of the first human data, drawn anew"""

    def __post_init__(self) -> None:
        check(self.share)
        if self.share == 0:
            raise ValueError("without human items there is nothing to train on: the share is above 0")

    def new_humans(self, n: int) -> int:
        return whole(self.share * n) if self.fresh else 0

    def parts(self, history: History) -> list[Part]:
        if not history.models:
            return [human(history, history.n)]
        return [newest(history) if self.fresh else human(history, whole(self.share * history.n))]


@dataclass(frozen=True)
class Cap(Regime):
    """all the first human data, and as much of all that models made as keeps its share at s at most"""

    share: float = 0.5
    """s, the highest share of synthetic items, below 1"""

    def __post_init__(self) -> None:
        check(self.share)
        if self.share == 1:
            raise ValueError("a cap of everything is the regime accumulate")

    def parts(self, history: History) -> list[Part]:
        if not history.models:
            return [human(history)]
        allowed = int(history.humans * self.share / (1 - self.share) + 1e-9)
        return without_empty([human(history), made(history, min(allowed, history.n * (history.round - 1)))])


@dataclass(frozen=True)
class Decay(Regime):
    """n items, of each generation decay^age times as many as of the last; the human data are the oldest

    Weights by generation, as an example: 0 is replace, 1 takes as many of each, above 1 prefers what is nearer to the
    human data. Of more than 64 generations the heaviest 64 count.
    """

    decay: float = 0.5
    """a generation's weight in times the next one's"""

    def __post_init__(self) -> None:
        if self.decay < 0:
            raise ValueError(f"a decay is not negative, as {self.decay} is")

    def parts(self, history: History) -> list[Part]:
        generations = sorted(set(history.generations), reverse=True)
        heaviest = generations[:PARTS] if self.decay <= 1 else generations[-PARTS:]
        raw = [self.decay**age for age in range(len(heaviest))]
        sizes = apportion(history.n, tuple(one / sum(raw) for one in raw))
        found = zip(heaviest, sizes, strict=True)
        return without_empty([Part(generation_in=[g], datasets=history.datasets, size=size) for g, size in found])


@dataclass(frozen=True)
class Golden(Regime):
    """`fresh` at the share that is best where there are k times as many human items (He et al. 2025, 2502.18049)

    Theirs is a weight of estimates; here it is the human share of the n items, 0.618 at k = 1.
    """

    ratio: float = 1.0
    """k, new human items there are for each synthetic one"""

    @property
    def chosen(self) -> Fresh:
        """Fresh at w* = (√(k² + 4k) − k)/2."""
        return Fresh(golden_ratio(self.ratio))

    def new_humans(self, n: int) -> int:
        return self.chosen.new_humans(n)

    def parts(self, history: History) -> list[Part]:
        return self.chosen.parts(history)


def golden_ratio(k: float) -> float:
    """The best weight of new human data, w* = (√(k² + 4k) − k)/2, where there are k times as many as synthetic ones.

    He et al. 2025, 2502.18049; it makes `simulator.oracles.weighted_error_at_last` least. Raises ValueError.
    """
    if k <= 0:
        raise ValueError(f"there are k times as many human items, and k is more than 0, not {k}")
    return (sqrt(k**2 + 4 * k) - k) / 2
