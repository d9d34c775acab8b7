"""The table of the registry's speed at tiny sizes: every row is there, and says what it should."""

import json
from pathlib import Path

import pytest

from benchmarks.bare.baselines import Sizes
from benchmarks.harness.bench import DATABASES
from benchmarks.harness.rows import Bar, Report, Row
from benchmarks.registry import suite

TINY = Sizes(
    new=200,
    batch=100,
    held=(400, 1_200),
    asked=40,
    look_ups=2,
    pool=1_200,
    mix=100,
    rare=10,
    seconds=0.4,
    lines=40,
    times=1,
    recorded=64,
    small=1_000,
    singly=32,
)
#: Rows of each work, on each of the databases; `check` asks none.
ROWS = {
    "register": 2,
    "one-item": 3,
    "recorder": 2,
    "look-up": 3,
    "mix": 4,
    "overlaps": 1,
    "snapshot": 3,
    "get": 3,
    "growth": 4,
    "small": 7,
}


@pytest.mark.slow
def test_the_table_has_every_work_on_both_databases(
    postgresql: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "results" / "registry.json"
    report = Report(path, suite.head(TINY))
    for number, row in enumerate(suite.measured(suite.ALL, DATABASES, TINY, postgresql), 1):
        report.add(row)
        assert len(json.loads(path.read_text())["rows"]) == number  # what is broken off leaves what it has
    written = json.loads(path.read_text())
    assert set(ROWS) == set(suite.WORKS)
    databases = [row["database"] for row in written["rows"]]
    assert [databases.count(name) for name in ("sqlite", "postgresql", "-")] == [sum(ROWS.values())] * 2 + [1]
    for row in written["rows"]:
        assert {"work", "database", "figure", "baseline", "ratio", "bar", "pass"} <= set(row)
        assert {"commit", "date", "versions"} <= set(row)
        assert row["sizes"]["pool"] == 1_200
        assert row["figure"] > 0 or row["unit"] == "MB"
        assert (row["baseline"] is None) == (row["ratio"] is None)
        assert (row["bar"] is None) == (row["pass"] is None)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(written["rows"])


@pytest.mark.parametrize(
    ("bar", "passed"),
    [
        (Bar("ratio", ">=", 0.5), True),
        (Bar("ratio", ">=", 0.51), False),
        (Bar("ratio", "<=", 0.49), False),
        (Bar("figure", ">=", 30), True),
        (Bar("figure", "<=", 29), False),
        (None, None),
    ],
)
def test_a_row_is_judged_by_the_medians_of_its_pairs(bar: Bar | None, passed: bool | None) -> None:
    """A round in which the machine was busy slows both sides, and changes no ratio."""
    row = Row("work", "sqlite", (30.0, 3.0, 40.0), "items/s", (60.0, 6.0, 50.0), bar)
    assert (row.figure, row.baseline, row.ratio) == (30.0, 50.0, 0.5)
    assert row.passed is passed


@pytest.mark.parametrize(("limit", "counts"), [(62.5, True), (63.0, False), (None, None)])
def test_a_baseline_counts_from_four_fifths_of_its_limit(limit: float | None, counts: bool | None) -> None:
    row = Row("work", "sqlite", (30.0,), "items/s", (50.0,), Bar("ratio", ">=", 0.5), limit=limit)
    assert row.counts is counts
    seconds = Row("work", "sqlite", (30.0,), "s", (50.0,), limit=None if limit is None else 2500 / limit)
    assert seconds.counts is counts


def test_rows_that_a_run_does_not_measure_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    for commit, works in (("a", "xy"), ("b", "yz")):
        report = Report(path, {"commit": commit})
        for work in works:
            report.add(Row(work, "sqlite", (1.0,), "s"))
    written = json.loads(path.read_text())["rows"]
    assert [(row["work"], row["commit"]) for row in written] == [("x", "a"), ("y", "b"), ("z", "b")]


def test_an_unknown_work_is_refused_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        suite.main(["--only", "flying"])
    assert "flying" in capsys.readouterr().err
