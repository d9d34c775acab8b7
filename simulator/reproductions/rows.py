"""The numbers of a named result, as plain values: rows, the runs that they come from, and what theory says."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from scipy import stats

from simulator.config import Run
from simulator.metrics.intervals import by_chains
from simulator.runs.results import Results

#: `exact`: measurement and reference differ by chance alone. `bound`: the measurement is not below the reference.
#: `first-order`: the measurement is near the reference.
Kind = Literal["exact", "bound", "first-order"]


class Reference(NamedTuple):
    """The value that theory gives for a metric."""

    value: float
    kind: Kind


#: The reference for a metric of a run in a round; None if theory does not give one.
Theory: TypeAlias = Callable[[Run, str, int], Reference | None]


def no_theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return None: there is no theory."""
    return None


@dataclass(frozen=True)
class ResultRow:
    """A metric of a condition in a round, over seeds and chains; nan is unknown."""

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
        """The distance from the reference, in standard errors."""
        return (self.measured - self.reference) / self.standard_error

    @property
    def chance(self) -> float:
        """The probability of a distance at least this large from an exact reference, to either side."""
        freedom = math.inf if by_chains(self.seeds, self.chains) else self.seeds - 1
        return float(2 * stats.t.sf(abs(self.z), freedom))


@dataclass(frozen=True)
class PlayedRun:
    """A run and its results."""

    run: Run
    results: Results


@dataclass(frozen=True)
class ResultTable:
    """All rows of a named result, and the runs of each condition."""

    metrics: tuple[str, ...]
    """the metrics of the table, the primary one first"""
    groups: Mapping[str, Sequence[PlayedRun]]
    rows: Sequence[ResultRow]
    theory: Theory
    covers: Callable[[Run, int], bool]
    """whether a round of a run belongs to its condition"""

    def of(self, metric: str, condition: str | None = None) -> list[ResultRow]:
        """Return the rows of a metric, in the order of conditions and rounds."""
        return [row for row in self.rows if row.metric == metric and condition in (None, row.condition)]
