"""The definition of a named result: its runs, its metrics, the theory beside them, and its figure."""

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
    """A named result: one command runs it."""

    name: str
    question: str
    """the question that it answers, in one line"""
    source: str
    """the paper, or that it is not published"""
    experiment: Callable[[Size], Experiment]
    """the runs of each size"""
    metrics: tuple[str, ...]
    """the metrics of the table; the first is the primary one, chosen before any run"""
    minutes: Mapping[Size, float]
    """approximate duration on two cores"""
    theory: Theory = no_theory
    baseline: str = ""
    """the condition that others are compared with, paired by seed; none by default"""
    rounds: Mapping[Size, Sequence[int]] = field(default_factory=dict)
    """rounds of the table; by default the human data, the first, the middle and the last"""
    covers: Callable[[Run, int], bool] = lambda run, round: True
    """whether a round of a run belongs to its condition; by default all do"""
    draw: "Draw | None" = None
    """the figure; by default the curves of each metric over the rounds"""
    on_data: Callable[[str, Size], Experiment] | None = None
    """the runs on a user's own data, given as a path; None if it takes none"""
    answer: Callable[[ResultTable], list[str]] | None = None
    """conclusions that need more than one row, one per line"""
    condition: Callable[[Run], str] | None = None
    """the name of a run's condition; by default its regime, and the other parts in which runs differ"""
