"""The table of a benchmark: values, baselines and targets. Each row is printed and saved when it is measured."""

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness.limits import VALID_SHARE, share_of_limit

#: Takes the number of the round and returns the measured value.
Measure = Callable[[int], float]


@dataclass(frozen=True)
class Target:
    """The smallest (`>=`) or largest (`<=`) acceptable value, or ratio of value to baseline."""

    of: Literal["ratio", "value"]
    sign: Literal[">=", "<="]
    bound: float

    def __str__(self) -> str:
        return f"{self.of} {self.sign} {self.bound:g}"

    def accepts(self, number: float) -> bool:
        return number >= self.bound if self.sign == ">=" else number <= self.bound


@dataclass(frozen=True)
class BenchmarkRow:
    """The result of one task on one database: the median of several values. A row may have no target."""

    task: str
    database: str
    values: tuple[float, ...]
    unit: str
    baselines: tuple[float, ...] = ()
    target: Target | None = None
    note: str = ""
    limit: float | None = None
    "limit of the machine for the task of the baseline, if it was measured"

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def baseline(self) -> float | None:
        return statistics.median(self.baselines) if self.baselines else None

    @property
    def ratio(self) -> float | None:
        """The median of value / baseline over the rounds.

        The value and the baseline of a round are measured one after the other, so a busy machine slows both.
        """
        if not self.baselines:
            return None
        return statistics.median(a / b for a, b in zip(self.values, self.baselines, strict=True))

    @property
    def baseline_valid(self) -> bool | None:
        """Whether the baseline reaches 0.8 of its limit; None if the limit is unknown.

        A ratio to a baseline that is too slow would make the registry look faster than it is.
        """
        if self.baseline is None or self.limit is None:
            return None
        return share_of_limit(self.baseline, self.limit, self.unit) >= VALID_SHARE

    @property
    def passed(self) -> bool | None:
        if self.target is None:
            return None
        measured = self.ratio if self.target.of == "ratio" else self.value
        assert measured is not None, "a target for the ratio needs a baseline"
        return self.target.accepts(measured)

    def to_json(self) -> dict[str, Any]:
        """Return the row in the format of the file."""
        return {
            "task": self.task,
            "database": self.database,
            "value": self.value,
            "unit": self.unit,
            "baseline": self.baseline,
            "limit": self.limit,
            "baseline_valid": self.baseline_valid,
            "ratio": self.ratio,
            "target": self.target and str(self.target),
            "pass": self.passed,
            "values": list(self.values),
            "baselines": list(self.baselines),
            "note": self.note,
        }


def alternate(times: int, *measures: Measure) -> list[tuple[float, ...]]:
    """Run all measures in turn, in `times` rounds. Return, for each measure, its values."""
    rounds = [[measure(number) for measure in measures] for number in range(times)]
    return [tuple(values) for values in zip(*rounds, strict=True)]


_LINE = "{:<56} {:<10} {:>13} {:<10} {:>13} {:>14} {:>6}  {:<16} {:<4}  {}"


class BenchmarkReport:
    """A table that prints and saves each row when it is measured, so that an interrupted run keeps its rows.

    The file also keeps rows of earlier runs that this run does not measure. Each row has the commit and the time of the
    run that measured it.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        """Read the rows of the file at `path`. `run` is the description of this run, which is saved with each row."""
        self.rows: list[BenchmarkRow] = []
        self._path, self._run = path, run
        self._path.parent.mkdir(parents=True, exist_ok=True)
        saved: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
        self._saved = {(row["task"], row["database"]): row for row in saved}
        columns = ("task", "database", "value", "unit", "baseline", "baseline valid", "ratio", "target", "", "note")
        print(_LINE.format(*columns), flush=True)

    def add(self, row: BenchmarkRow) -> None:
        """Print the row and save it."""
        self.rows.append(row)
        verdict = {None: "-", True: "pass", False: "MISS"}[row.passed]
        valid = {None: "-", True: "yes", False: "no"}[row.baseline_valid]
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        measured = _number(row.value), row.unit, _number(row.baseline), valid, ratio
        print(_LINE.format(row.task, row.database, *measured, str(row.target or "-"), verdict, row.note), flush=True)

        self._saved[row.task, row.database] = {**row.to_json(), **self._run}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({"rows": list(self._saved.values())}, indent=1) + "\n")
        part.replace(self._path)

    @property
    def missed(self) -> list[BenchmarkRow]:
        return [row for row in self.rows if row.passed is False]

    @property
    def with_invalid_baseline(self) -> list[BenchmarkRow]:
        """The rows with a target whose baseline is too slow to be valid."""
        return [row for row in self.rows if row.target and row.baseline_valid is False]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.3f}"
