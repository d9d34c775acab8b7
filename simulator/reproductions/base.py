"""The definition of a named result: its runs, its metrics, the values of theory for them, and its figure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from simulator.config import Experiment, Run
from simulator.reproductions.rows import ResultTable, Theory, no_theory

if TYPE_CHECKING:  # matplotlib takes a second to import, and `simulate list` does not need it
    from matplotlib.figure import Figure

Size = Literal["smoke", "standard", "full"]
SIZES: tuple[Size, ...] = get_args(Size)

Draw: TypeAlias = "Callable[[ResultTable], Figure]"


@dataclass(frozen=True)
class Reproduction:
    """A named result, which `firsthand simulate reproduce NAME` computes."""

    name: str
    question: str
    """question that the result answers, in one line"""
    source: str
    """paper that the result is from, or a note that it is not published"""
    experiment: Callable[[Size], Experiment]
    """function from a size to the runs"""
    metrics: tuple[str, ...]
    """metrics of the table; the first is the primary metric, which was chosen before any run"""
    minutes: Mapping[Size, float]
    """approximate duration of each size on two cores, in minutes"""
    theory: Theory = no_theory
    baseline: str = ""
    """condition with which all others are compared, paired by seed; by default there is no comparison"""
    rounds: Mapping[Size, Sequence[int]] = field(default_factory=dict)
    """rounds of the table; by default 0 (the human data), 1, the middle round and the last round"""
    covers: Callable[[Run, int], bool] = lambda run, round: True
    """function that tells whether a round of a run belongs to its condition; by default all rounds do"""
    draw: "Draw | None" = None
    """function that draws the figure; by default the curves of each metric over the rounds"""
    on_data: Callable[[str, Size], Experiment] | None = None
    """function from the path of a user's own data to the runs; None if the result cannot use such data"""
    answer: Callable[[ResultTable], list[str]] | None = None
    """function that returns conclusions from more than one row, one sentence per entry"""
    condition: Callable[[Run], str] | None = None
    """function that names the condition of a run; by default by the parts of the configuration in which runs differ"""
