"""The definition of a named result: its runs, its metrics, the values that theory predicts, and its figure."""

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
    """The definition of a named result, which `firsthand simulate reproduce NAME` computes.

    A condition of a result is a group of its runs that differ only in their seed.
    """

    name: str
    question: str
    """question that the result answers, in one line"""
    source: str
    """paper that the result is from, or a note that it is not published"""
    experiment: Callable[[Size], Experiment]
    """function that returns the runs for a size: `smoke`, `standard` or `full`"""
    metrics: tuple[str, ...]
    """names of the metrics of the table; the first is the primary metric, which was chosen before any run"""
    minutes: Mapping[Size, float]
    """approximate duration of each size on two cores, in minutes"""
    theory: Theory = no_theory
    baseline: str = ""
    """name of the condition with which all others are compared, paired by seed; empty: no comparison"""
    rounds: Mapping[Size, Sequence[int]] = field(default_factory=dict)
    """numbers of the rounds of the table, by size; by default 0 (the human data), 1, the middle round and the last
    round"""
    covers: Callable[[Run, int], bool] = lambda run, round: True
    """function that returns whether a round of a run is shown in the table; by default, it always returns true"""
    draw: "Draw | None" = None
    """function that draws the figure; by default, it shows the curves of each metric over the rounds"""
    on_data: Callable[[str, Size], Experiment] | None = None
    """function that returns the runs for the path of a user's own data and a size; None if the result cannot use such
    data"""
    answer: Callable[[ResultTable], list[str]] | None = None
    """function that returns conclusions from the table, as sentences; they need more than one row of the table"""
    condition: Callable[[Run], str] | None = None
    """function that returns the name of a run's condition; by default, the name has the parts of the configuration in
    which the runs differ"""
