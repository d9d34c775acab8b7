"""The table of the registry's speed at tiny sizes: it has every row, and every row has every value."""

import json
from pathlib import Path

import pytest

from benchmarks.harness.bench import DATABASES
from benchmarks.harness.command import run_description
from benchmarks.harness.report import BenchmarkReport, BenchmarkRow, Target
from benchmarks.harness.sizes import Sizes
from benchmarks.registry import suite

TINY = Sizes(
    new=200,
    batch=100,
    held=(400, 1_200),
    lookup_batch=40,
    look_ups=2,
    pool=1_200,
    mix=100,
    rare=10,
    seconds=2,
    lines=40,
    times=1,
    recorded=64,
    small=1_000,
    singly=32,
)
#: Number of rows of each task on each database; `check` uses no database.
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
    report = BenchmarkReport(path, run_description(TINY))
    for number, row in enumerate(suite.measure_tasks(suite.ALL, DATABASES, TINY, postgresql), 1):
        report.add(row)
        assert len(json.loads(path.read_text())["rows"]) == number  # an interrupted run keeps its rows
    written = json.loads(path.read_text())
    assert set(ROWS) == set(suite.TASKS)
    databases = [row["database"] for row in written["rows"]]
    assert [databases.count(name) for name in ("sqlite", "postgresql", "-")] == [sum(ROWS.values())] * 2 + [1]
    for row in written["rows"]:
        assert {"task", "database", "value", "baseline", "ratio", "target", "pass"} <= set(row)
        assert {"commit", "date", "versions"} <= set(row)
        assert row["sizes"]["pool"] == 1_200
        assert row["value"] > 0 or row["unit"] == "MB"
        assert (row["baseline"] is None) == (row["ratio"] is None)
        assert (row["target"] is None) == (row["pass"] is None)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(written["rows"])


@pytest.mark.parametrize(
    ("target", "passed"),
    [
        (Target("ratio", ">=", 0.5), True),
        (Target("ratio", ">=", 0.51), False),
        (Target("ratio", "<=", 0.49), False),
        (Target("value", ">=", 30), True),
        (Target("value", "<=", 29), False),
        (None, None),
    ],
)
def test_a_row_is_judged_by_the_medians_of_its_pairs(target: Target | None, passed: bool | None) -> None:
    """A round in which the machine was busy slows both sides, and changes no ratio."""
    row = BenchmarkRow("work", "sqlite", (30.0, 3.0, 40.0), "items/s", (60.0, 6.0, 50.0), target)
    assert (row.value, row.baseline, row.ratio) == (30.0, 50.0, 0.5)
    assert row.passed is passed


@pytest.mark.parametrize(("limit", "valid"), [(62.5, True), (63.0, False), (None, None)])
def test_a_baseline_counts_from_four_fifths_of_its_limit(limit: float | None, valid: bool | None) -> None:
    row = BenchmarkRow("work", "sqlite", (30.0,), "items/s", (50.0,), Target("ratio", ">=", 0.5), limit=limit)
    assert row.baseline_valid is valid
    seconds = BenchmarkRow("work", "sqlite", (30.0,), "s", (50.0,), limit=None if limit is None else 2500 / limit)
    assert seconds.baseline_valid is valid


def test_rows_that_a_run_does_not_measure_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    for commit, tasks in (("a", "xy"), ("b", "yz")):
        report = BenchmarkReport(path, {"commit": commit})
        for task in tasks:
            report.add(BenchmarkRow(task, "sqlite", (1.0,), "s"))
    written = json.loads(path.read_text())["rows"]
    assert [(row["task"], row["commit"]) for row in written] == [("x", "a"), ("y", "b"), ("z", "b")]


def test_an_unknown_work_is_refused_before_anything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        suite.main(["--only", "flying"])
    assert "flying" in capsys.readouterr().err
