"""Page, terminal table, table of a named result and figure show the same interval for the same runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from firsthand.schemas.models import OriginCounts
from simulator.config import Experiment, Run, encode
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.metrics.intervals import Interval
from simulator.names import label
from simulator.regimes import Replace
from simulator.report import tables
from simulator.report.groups import group
from simulator.reproductions import figure
from simulator.reproductions.base import Reproduction
from simulator.reproductions.table import tabulate
from simulator.runs import results
from simulator.runs.results import Results

SHARE, DISTANCE, FREE = "recall", "w2_squared", "mean"


def finished_run(seed: int, metric: str, values: Sequence[float]) -> Results:
    """Return a run of one round whose metric has these values, one per chain."""
    run = Run(Gaussian(), Normal(10), Replace(), n=10, generations=1, chains=len(values), seed=seed)
    header = {"config": encode(run), "names": {"regime": label(Replace())}}
    rows = [results.row(t, t, False, None, OriginCounts(), [{metric: np.array(values)}]) for t in (0, 1)]
    return Results(Path("unused"), header, rows)


def played_runs(metric: str, seeds: int, chains: int) -> list[Results]:
    """Return runs whose values lie close to the bound of a share, so that a wrong scale is seen."""
    values = np.random.default_rng(5).beta(1.5, 0.3, (seeds, chains))
    return [finished_run(seed, metric, row.tolist()) for seed, row in enumerate(values)]


def drawn_band(metric: str, runs: list[Results]) -> tuple[float, float]:
    """Return the ends of the band that the figure draws at round 1."""
    minutes = {"smoke": 1.0, "standard": 1.0, "full": 1.0}
    named = Reproduction("x", "What?", "nobody", lambda size: Experiment("x", ()), (metric,), minutes)  # type: ignore[arg-type]
    (band,) = figure.curves(tabulate(named, runs)).axes[0].collections
    heights = [y for x, y in np.asarray(band.get_paths()[0].vertices).tolist() if x == 1]
    return min(heights), max(heights)


@pytest.mark.slow
@pytest.mark.parametrize("metric", [SHARE, DISTANCE, FREE])
@pytest.mark.parametrize(("seeds", "chains"), [(3, 1), (5, 4), (1, 50), (4, 30), (12, 30), (25, 1)])
def test_all_outputs_show_one_interval(metric: str, seeds: int, chains: int) -> None:
    runs = played_runs(metric, seeds, chains)
    minutes = {"smoke": 1.0, "standard": 1.0, "full": 1.0}
    named = Reproduction("x", "What?", "nobody", lambda size: Experiment("x", ()), (metric,), minutes)  # type: ignore[arg-type]
    row = tabulate(named, runs).of(metric)[-1]
    (page,) = group(runs)
    (cell,) = tables.cells(runs, [1])
    expected = page.interval(metric, 1)
    assert expected == cell.value == Interval(row.measured, row.low, row.high)
    assert drawn_band(metric, runs) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("metric", "low", "high"), [(SHARE, 0.0, 1.0), (DISTANCE, 0.0, np.inf)])
@pytest.mark.parametrize("values", [(0.99, 1.0, 0.7), (0.0, 0.02, 0.0), (0.5, 1.0), (0.0, 1.0)], ids=str)
def test_an_interval_stays_in_the_bounds_of_its_metric(
    metric: str, low: float, high: float, values: tuple[float, ...]
) -> None:
    (page,) = group([finished_run(seed, metric, [value]) for seed, value in enumerate(values)])
    interval = page.interval(metric, 1)
    assert low <= interval.low < interval.mean < interval.high <= high


def test_one_seed_of_few_chains_has_no_interval() -> None:
    (page,) = group(played_runs(SHARE, 1, 5))
    assert np.isnan(page.interval(SHARE, 1).low)
