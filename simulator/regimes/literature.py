"""The regimes that papers on recursive training compare, and the baseline with only human data."""

from dataclasses import dataclass, field

from firsthand.schemas.mixes import Part
from simulator.families.base import ADDED
from simulator.ranges import check_share
from simulator.regimes.history import Regime, RunHistory, everything, human, last_generation, newest, without_empty
from simulator.worlds.shares import whole


@dataclass(frozen=True)
class Replace(Regime):
    """trains only on the output of the last generation (Shumailov et al. 2023)"""

    times: int = field(default=1, metadata=ADDED)
    """number of training items, as a multiple of n; the first model trains on n human items. If a model also
    generates times · n items (world `truthful:times=75`), the next model can use each item only once, so that every
    minibatch is a new draw from the last model"""

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"times is {self.times}: a model trains on times · n items, so times must be at least 1")

    def parts(self, history: RunHistory) -> list[Part]:
        return [last_generation(history, history.n * (self.times if history.models else 1))]


@dataclass(frozen=True)
class Accumulate(Regime):
    """trains on all human items and all output of models so far (Gerstgrasser et al. 2024)"""

    def parts(self, history: RunHistory) -> list[Part]:
        return [everything(history)]


@dataclass(frozen=True)
class AccumulateSubsample(Regime):
    """trains on n items drawn from all human items and all output of models so far (Kazdan et al. 2024)"""

    def parts(self, history: RunHistory) -> list[Part]:
        return [everything(history, history.n)]


@dataclass(frozen=True)
class Preserve(Regime):
    """trains on a share of the initial human items, and otherwise on the last output (Shumailov et al. 2023)

    The human items are drawn again in each round.
    """

    share: float = 0.1
    """share of human items among the n training items, from 0 to 1"""

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def parts(self, history: RunHistory) -> list[Part]:
        kept = whole(self.share * history.n) if history.models else history.n
        return without_empty([human(history, kept), last_generation(history, history.n - kept)])


@dataclass(frozen=True)
class Fresh(Regime):
    """trains on new human items in each round, and otherwise on the last output (Alemohammad et al. 2023)"""

    share: float = 0.1
    """w, the share of new human items among the n training items, from 0 to 1"""

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def new_humans(self, n: int) -> int:
        return whole(self.share * n)

    def parts(self, history: RunHistory) -> list[Part]:
        humans = self.new_humans(history.n)
        if not history.models or not humans:
            return [last_generation(history, history.n)]
        return without_empty([newest(history), last_generation(history, history.n - humans)])


@dataclass(frozen=True)
class HumanOnly(Regime):
    """trains only on human items in each round; this is the baseline"""

    def parts(self, history: RunHistory) -> list[Part]:
        return [human(history, history.n)]
