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
    """The definition of a named result, which `firsthand simulate reproduce NAME` computes."""

    name: str
    question: str
    """question that the result answers, in one line"""
    source: str
    """paper that the result is from, or a note that it is not published"""
    experiment: Callable[[Size], Experiment]
    """function from the size (`smoke`, `standard` or `full`) to the runs"""
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
    """function from a run and a round to whether the round belongs to the condition of the run; by default always
    true"""
    draw: "Draw | None" = None
    """function that draws the figure; by default, it shows the curves of each metric over the rounds"""
    on_data: Callable[[str, Size], Experiment] | None = None
    """function from the path of a user's own data to the runs; None if the result cannot use such data"""
    answer: Callable[[ResultTable], list[str]] | None = None
    """function from the table to conclusions that need more than one row; each is a sentence"""
    condition: Callable[[Run], str] | None = None
    """function that names the condition of a run; by default, by the parts of the configuration in which runs differ"""
