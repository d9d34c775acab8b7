"""What a named reproduction is: runs, the metrics that are told of them, what theory says, and a figure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from simulator.config import Experiment, Run
from simulator.reproductions.rows import ResultTable, Theory, no_theory

if TYPE_CHECKING:  # matplotlib, which a look at the list can do without
    from matplotlib.figure import Figure


Size = Literal["smoke", "standard", "full"]
SIZES: tuple[Size, ...] = get_args(Size)

Draw: TypeAlias = "Callable[[ResultTable], Figure]"


@dataclass(frozen=True)
class Reproduction:
    """A result that one command makes."""

    name: str
    question: str
    """what it answers, in a line"""
    source: str
    """the paper, or that nobody has published it"""
    experiment: Callable[[Size], Experiment]
    """the runs of each size"""
    metrics: tuple[str, ...]
    """what the table tells, the primary metric first: it was chosen before anything ran"""
    minutes: Mapping[Size, float]
    """about how long on two cores"""
    theory: Theory = no_theory
    baseline: str = ""
    """the condition that others are compared with, seed by seed; none by default"""
    rounds: Mapping[Size, Sequence[int]] = field(default_factory=dict)
    """rounds that the table tells; by default human data, the first, the middle and the last"""
    tells: Callable[[Run, int], bool] = lambda run, round: True
    """whether a round of a run is about what its condition says; by default all are"""
    draw: "Draw | None" = None
    """the figure; by default each metric's curves over the rounds"""
    on_data: Callable[[str, Size], Experiment] | None = None
    """the runs on a user's own data, a path, where they can be had"""
    answer: Callable[[ResultTable], list[str]] | None = None
    """what the numbers say together, a line each, where that is more than a row"""
    condition: Callable[[Run], str] | None = None
    """what a run is called in the table; by default its regime, and what else differs between the runs"""
