"""The regimes of the literature."""

from dataclasses import dataclass, field

from firsthand.schemas.mixes import Part
from simulator.families.base import ADDED
from simulator.regimes.history import History, Regime, everything, human, last_generation, newest, without_empty
from simulator.worlds.shares import check, whole


@dataclass(frozen=True)
class Replace(Regime):
    """only the last generation's output (Shumailov et al. 2023)"""

    times: int = field(default=1, metadata=ADDED)
    """items trained on, in times n; the first model has n human ones. In a world whose models make so many
    (`truthful:times=75`), minibatches that see each of them once are fresh draws from the last model"""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"n items are trained on, or some times as many, not {self.times} times")

    def parts(self, history: History) -> list[Part]:
        return [last_generation(history, history.n * (self.times if history.models else 1))]


@dataclass(frozen=True)
class Accumulate(Regime):
    """everything so far, human and made (Gerstgrasser et al. 2024)"""

    def parts(self, history: History) -> list[Part]:
        return [everything(history)]


@dataclass(frozen=True)
class AccumulateSubsample(Regime):
    """n items drawn from everything so far (Kazdan et al. 2024)"""

    def parts(self, history: History) -> list[Part]:
        return [everything(history, history.n)]


@dataclass(frozen=True)
class Preserve(Regime):
    """a share of the first human data, drawn anew each round, the rest the last generation (Shumailov et al. 2023)"""

    share: float = 0.1
    """share of human items, 0 to 1"""

    def __post_init__(self) -> None:
        check(self.share)

    def parts(self, history: History) -> list[Part]:
        kept = whole(self.share * history.n) if history.models else history.n
        return without_empty([human(history, kept), last_generation(history, history.n - kept)])


@dataclass(frozen=True)
class Fresh(Regime):
    """exactly w·n new human items each round, the rest the last generation (Alemohammad et al. 2023)"""

    share: float = 0.1
    """share w of new human items, 0 to 1"""

    def __post_init__(self) -> None:
        check(self.share)

    def new_humans(self, n: int) -> int:
        return whole(self.share * n)

    def parts(self, history: History) -> list[Part]:
        humans = self.new_humans(history.n)
        if not history.models or not humans:
            return [last_generation(history, history.n)]
        return without_empty([newest(history), last_generation(history, history.n - humans)])


@dataclass(frozen=True)
class HumanOnly(Regime):
    """human data alone, each round: the first mover, or who can tell what is human"""

    def parts(self, history: History) -> list[Part]:
        return [human(history, history.n)]
