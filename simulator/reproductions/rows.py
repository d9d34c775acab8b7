"""What a table of a named result holds: rows, and the runs that they were computed from. Plain values."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from scipy import stats

from simulator.config import Run
from simulator.metrics.intervals import by_chains
from simulator.runs.results import Results

#: `exact`: measured and reference differ by chance alone. `bound`: measured is not below. `first-order`: near it.
Kind = Literal["exact", "bound", "first-order"]


class Reference(NamedTuple):
    """What theory says about a metric."""

    value: float
    kind: Kind


#: The reference for a run, a metric and a round; None if theory says nothing.
Theory: TypeAlias = Callable[[Run, str, int], Reference | None]


def no_theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return None: theory says nothing."""
    return None


@dataclass(frozen=True)
class ResultRow:
    """A metric of a condition in a round, over seeds and chains; nan is not known."""

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
        """Return the distance from the reference in standard errors."""
        return (self.measured - self.reference) / self.standard_error

    @property
    def chance(self) -> float:
        """Return the probability that chance alone goes as far from an exact reference, to either side."""
        freedom = math.inf if by_chains(self.seeds, self.chains) else self.seeds - 1
        return float(2 * stats.t.sf(abs(self.z), freedom))


@dataclass(frozen=True)
class PlayedRun:
    """A run and what it wrote."""

    run: Run
    results: Results


@dataclass(frozen=True)
class ResultTable:
    """All rows of a named result, and the runs by condition that they were computed from."""

    metrics: tuple[str, ...]
    groups: Mapping[str, Sequence[PlayedRun]]
    rows: Sequence[ResultRow]
    theory: Theory
    tells: Callable[[Run, int], bool]
    """whether a round of a run belongs to its condition"""

    def of(self, metric: str, condition: str | None = None) -> list[ResultRow]:
        """Return the rows of a metric, in the order of conditions and rounds."""
        return [row for row in self.rows if row.metric == metric and condition in (None, row.condition)]
