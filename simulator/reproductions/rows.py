"""The numbers of a named result: the rows of its table, the runs from which they are computed, and values of theory."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from scipy import stats

from simulator.config import Run
from simulator.metrics.intervals import by_chains
from simulator.runs.results import Results

#: The expected relation of a measurement to its reference. `exact`: they differ only by chance. `bound`: the reference
#: is a lower bound, so the measurement is not below it, except by chance. `first-order`: they are approximately equal.
Kind = Literal["exact", "bound", "first-order"]


class Reference(NamedTuple):
    """The value of a metric that theory predicts, and its kind: exact, a lower bound, or approximate."""

    value: float
    kind: Kind


#: A function from a run, the name of a metric and a round to the reference; None if theory does not give one.
Theory: TypeAlias = Callable[[Run, str, int], Reference | None]


def no_theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return None. This is the function `theory` of a result without theory."""
    return None


@dataclass(frozen=True)
class ResultRow:
    """A row of the table of a named result: one metric of one condition in one round.

    A condition is a group of runs that differ only in their seed. `measured` is the mean over the seeds and chains.
    `low` and `high` are the ends of its 95 % interval. `reference` is the value that theory predicts, and `difference`
    is the mean difference from the baseline. A number that is not known is nan.
    """

    condition: str
    round: int
    metric: str
    measured: float
    standard_error: float
    low: float
    high: float
    median: float
    seeds: int
    chains: int
    reference: float = math.nan
    kind: Kind | str = ""
    difference: float = math.nan
    difference_low: float = math.nan
    difference_high: float = math.nan

    @property
    def z(self) -> float:
        """The distance of the measured mean from the value of theory, in standard errors."""
        return (self.measured - self.reference) / self.standard_error

    @property
    def chance(self) -> float:
        """The two-sided p-value: the probability of at least this distance from theory, if theory is exact."""
        freedom = math.inf if by_chains(self.seeds, self.chains) else self.seeds - 1
        return float(2 * stats.t.sf(abs(self.z), freedom))


@dataclass(frozen=True)
class PlayedRun:
    """The configuration of a run, and its results."""

    run: Run
    results: Results


@dataclass(frozen=True)
class ResultTable:
    """The table of a named result: all its rows, and the runs of each condition."""

    metrics: tuple[str, ...]
    """names of the metrics of the table; the primary metric is first"""
    groups: Mapping[str, Sequence[PlayedRun]]
    """runs of each condition, by the name of the condition"""
    rows: Sequence[ResultRow]
    theory: Theory
    covers: Callable[[Run, int], bool]
    """function that returns whether a round of a run is shown in the table"""

    def of(self, metric: str, condition: str | None = None) -> list[ResultRow]:
        """Return the rows of a metric, for one condition or (without `condition`) for all conditions.

        The rows are in the order of conditions and rounds.
        """
        return [row for row in self.rows if row.metric == metric and condition in (None, row.condition)]
