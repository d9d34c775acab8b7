"""The rows of the registry's table: figures beside baselines, held against bars, printed and kept as they come."""

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness.limits import BAR, share

#: A measurement, told its number.
Measure = Callable[[int], float]


@dataclass(frozen=True)
class Bar:
    """What the ratio, or the figure itself, must reach (`>=`) or may be (`<=`)."""

    of: Literal["ratio", "figure"]
    sign: Literal[">=", "<="]
    value: float

    def __str__(self) -> str:
        return f"{self.of} {self.sign} {self.value:g}"

    def passes(self, value: float) -> bool:
        return value >= self.value if self.sign == ">=" else value <= self.value


@dataclass(frozen=True)
class Row:
    """One work on one database: medians of the values. A row without a bar is printed, and judged by nobody."""

    work: str
    database: str
    values: tuple[float, ...]
    unit: str
    baselines: tuple[float, ...] = ()
    bar: Bar | None = None
    note: str = ""
    limit: float | None = None
    "what the machine can do of the baseline's work, where somebody measured it"

    @property
    def figure(self) -> float:
        return statistics.median(self.values)

    @property
    def baseline(self) -> float | None:
        return statistics.median(self.baselines) if self.baselines else None

    @property
    def ratio(self) -> float | None:
        """Figure over baseline: of each pair that was measured one after the other, and the median of those.

        So a machine that drifts, or is busy for a while, changes both sides alike.
        """
        if not self.baselines:
            return None
        return statistics.median(a / b for a, b in zip(self.values, self.baselines, strict=True))

    @property
    def counts(self) -> bool | None:
        """Whether the baseline reaches 0.8 of its limit: a ratio to a poor one flatters the registry."""
        if self.baseline is None or self.limit is None:
            return None
        return share(self.baseline, self.limit, self.unit) >= BAR

    @property
    def passed(self) -> bool | None:
        if self.bar is None:
            return None
        judged = self.ratio if self.bar.of == "ratio" else self.figure
        assert judged is not None, "a bar on a ratio goes with a baseline"
        return self.bar.passes(judged)

    def said(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "work": self.work,
            "database": self.database,
            "figure": self.figure,
            "unit": self.unit,
            "baseline": self.baseline,
            "limit": self.limit,
            "counts": self.counts,
            "ratio": self.ratio,
            "bar": self.bar and str(self.bar),
            "pass": self.passed,
            "values": list(self.values),
            "baselines": list(self.baselines),
            "note": self.note,
        }


def alternately(times: int, *measures: Measure) -> list[tuple[float, ...]]:
    """Each of the measures once, then each again, so often; the values of each."""
    rounds = [[measure(number) for measure in measures] for number in range(times)]
    return [tuple(values) for values in zip(*rounds, strict=True)]


_FORM = "{:<44} {:<10} {:>13} {:<10} {:>13} {:>6} {:>6}  {:<16} {:<4}  {}"


class Report:
    """Prints each row as it comes, and writes the file anew with it: a run that is broken off leaves what it has.

    A row says of which commit and moment it is, for rows of the file that a run does not measure stay in it.
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self.rows: list[Row] = []
        self._path, self._head = path, head
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._held = {_place(row): row for row in _read(path)}
        heads = ("work", "database", "figure", "unit", "baseline", "counts", "ratio", "bar", "", "note")
        print(_FORM.format(*heads), flush=True)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        verdict = {None: "-", True: "pass", False: "MISS"}[row.passed]
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        counts = {None: "-", True: "yes", False: "no"}[row.counts]
        figures = _number(row.figure), row.unit, _number(row.baseline), counts, ratio
        print(_FORM.format(row.work, row.database, *figures, str(row.bar or "-"), verdict, row.note), flush=True)
        self._write()

    @property
    def missed(self) -> list[Row]:
        return [row for row in self.rows if row.passed is False]

    @property
    def uncounted(self) -> list[Row]:
        """Rows that a bar judges by a baseline that does not count."""
        return [row for row in self.rows if row.bar and row.counts is False]

    def _write(self) -> None:
        beside = self._path.with_suffix(".part")
        said = {**self.rows[-1].said(), **self._head}
        self._held[_place(said)] = said
        beside.write_text(json.dumps({"rows": list(self._held.values())}, indent=1) + "\n")
        beside.replace(self._path)


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["work"], row["database"]


def _read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.3f}"
