"""Results as lines of JSON, and intervals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firsthand.schemas.models import OriginCounts
from simulator.metrics.intervals import interval, paired
from simulator.randomness import generator
from simulator.report import tables
from simulator.runs import results

COUNTS = OriginCounts(human=2, model=13, generations={"10": 4, "2": 9})
HEADER: dict[str, Any] = {
    "format": results.FORMAT,
    "config": {"seed": 3, "generations": 1, "chains": 1},
    "names": {"regime": "replace"},
}


def write(folder: Path, *values: float, header: dict[str, Any] = HEADER) -> results.Results:
    """Results with one metric, `nll`, a round each."""
    folder.mkdir(exist_ok=True)
    end = results.append(folder / results.FILE, header, after=0)
    for t, value in enumerate(values):
        row = results.row(t, t, False, COUNTS, COUNTS, [{"nll": np.array([value])}])
        end = results.append(folder / results.FILE, row, after=end)
    return results.read(folder)


def test_a_row_sums_chains_up_and_counts_in_the_order_of_generations() -> None:
    row = results.row(2, 1, True, None, COUNTS, [{"v": np.array([1.0, 2.0, 6.0])}])
    assert row["metrics"] == {"v": {"mean": 3.0, "sd": pytest.approx(7**0.5), "median": 2.0, "n": 3}}
    assert list(row["registry"]["generations"]) == ["2", "10"]
    assert (row["mix"], row["lower_bound"]) == (None, True)


def test_what_is_not_a_finite_number_is_null_and_never_zero() -> None:
    assert results.summarize(np.array([5.0])) == {"mean": 5.0, "sd": None, "median": 5.0, "n": 1}
    assert results.summarize(np.array([1.0, np.inf, 2.0])) == {"mean": None, "sd": None, "median": 2.0, "n": 3}


def test_a_line_is_written_where_the_last_whole_round_ended(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    end = results.append(file, {"a": 1}, after=0)
    results.append(file, {"b": 2}, after=end)
    with file.open("ab") as out:
        out.write(b'{"half a li')
    results.append(file, {"c": 3}, after=end)
    assert file.read_text() == '{"a": 1}\n{"c": 3}\n'


def test_a_line_cut_off_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, 1.0)
    with (tmp_path / results.FILE).open("a") as out:
        out.write('{"round": 1, "metr')
    assert len(results.read(tmp_path).rows) == 1


def test_results_read_back_say_where_they_stand(tmp_path: Path) -> None:
    run = write(tmp_path, 1.5, 2.5)
    assert (run.seed, run.regime, run.finished, run.metrics) == (3, "replace", True, ["nll"])
    np.testing.assert_array_equal(run.series("nll"), [1.5, 2.5])
    assert np.isnan(run.series("unheard of")).all()
    assert not write(tmp_path, 1.5).finished


@pytest.mark.parametrize("content", [None, "", '{"format": "another"}\n'])
def test_a_folder_without_results_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / results.FILE).write_text(content)
    with pytest.raises(ValueError, match=str(tmp_path)):
        results.read(tmp_path)


def test_below_twenty_values_the_interval_is_students() -> None:
    mean, low, high = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (mean, low, high) == pytest.approx((3.0, 3 - 1.9632432, 3 + 1.9632432))  # 2.776445 · √(2.5 / 5)


def test_from_twenty_values_on_the_interval_is_a_bootstrap_and_the_same_every_time() -> None:
    values = generator(1, "skewed").exponential(size=40).tolist()
    estimate = interval(values)
    assert estimate == interval(values)
    assert estimate.high - estimate.mean > estimate.mean - estimate.low > 0  # Student's would be symmetric


def test_few_values_are_no_reason_for_a_narrow_interval() -> None:
    assert interval([2.0]).mean == 2.0
    assert np.isnan(interval([2.0])[1:]).all()
    assert np.isnan(interval([])).all()
    assert interval([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 30])
def test_intervals_cover_the_truth_as_often_as_they_say(count: int) -> None:
    """95 % of 400 intervals, within what chance allows (99.9 %: 14 missed to 33 is 91.5–98.5 %)."""
    rng = generator(0, "coverage")
    hits = sum(low <= 0 <= high for _, low, high in (interval(rng.standard_normal(count).tolist()) for _ in range(400)))
    assert 0.91 <= hits / 400 <= 0.985


def test_differences_are_paired_by_seed() -> None:
    ours, theirs = {1: 10.0, 2: 21.0, 3: 32.0, 4: 0.0}, {3: 30.0, 2: 20.0, 1: 9.0, 7: 5.0}
    assert paired(ours, theirs) == interval([1.0, 1.0, 2.0])


def test_a_table_has_a_cell_for_each_metric_regime_and_round(tmp_path: Path) -> None:
    runs = [write(tmp_path / str(seed), 1.0 + seed, 2.0, header=_of("replace", seed)) for seed in range(3)]
    runs.append(write(tmp_path / "other", 7.0, header=_of("accumulate", 0)))
    cells = tables.cells(runs, [0, 1])
    assert [(cell.metric, cell.regime, cell.round, cell.seeds) for cell in cells] == [
        ("nll", "replace", 0, 3),
        ("nll", "replace", 1, 3),
        ("nll", "accumulate", 0, 1),
        ("nll", "accumulate", 1, 0),
    ]
    assert cells[0].value == interval([1.0, 2.0, 3.0])
    assert json.loads(json.dumps(tables.as_json(cells), allow_nan=False))[3]["mean"] is None
    assert tables.render(cells, "title").row_count == 3  # the metric, and a line for each regime


def _of(regime: str, seed: int) -> dict[str, Any]:
    return HEADER | {"config": {"seed": seed, "generations": 1, "chains": 1}, "names": {"regime": regime}}
