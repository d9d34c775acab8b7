"""The numbers of a reproduction, from rows that are known."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from firsthand.schemas.models import OriginCounts
from simulator.config import Experiment, Run, encode
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.names import label
from simulator.regimes import HumanOnly, Regime, Replace
from simulator.reproductions.base import Reproduction
from simulator.reproductions.rows import Reference, ResultRow
from simulator.reproductions.table import tabulate
from simulator.reproductions.table_text import agreement, as_csv, as_markdown
from simulator.runs import results
from simulator.runs.results import Results

METRIC = "mean_error"


def wrote(regime: Regime, seed: int, values: Sequence[Sequence[float]]) -> Results:
    """A finished run whose metric has these values, a row a round, a column a chain."""
    chains = len(values[0])
    run = Run(Gaussian(), Normal(10), regime, n=10, generations=len(values) - 1, chains=chains, seed=seed)
    header = {"config": encode(run), "names": {"regime": label(regime)}}
    counts = OriginCounts()
    rows = [
        results.row(t, t, False, None, counts, [{METRIC: np.array(chain_values)}])
        for t, chain_values in enumerate(values)
    ]
    return Results(Path("unused"), header, rows)


def reproduction(**settings: object) -> Reproduction:
    minutes: Mapping[str, float] = {"smoke": 1, "standard": 1, "full": 1}
    made = Reproduction("x", "What?", "nobody", lambda size: Experiment("x", ()), (METRIC,), minutes)  # type: ignore[arg-type]
    return dataclasses.replace(made, **settings)  # type: ignore[arg-type]


def test_few_chains_are_judged_by_the_spread_between_seeds() -> None:
    table = tabulate(
        reproduction(), [wrote(Replace(), seed, [[0.0], [value]]) for seed, value in enumerate((1.0, 2.0, 3.0))]
    )
    row = table.of(METRIC, "replace")[-1]
    assert (row.round, row.measured, row.median, row.seeds, row.chains) == (1, 2.0, 2.0, 3, 1)
    assert row.standard_error == pytest.approx(1 / math.sqrt(3))
    assert (row.low, row.high) == pytest.approx((0.0, 2 + 4.3027 / math.sqrt(3)), rel=1e-4)  # cut off at 0


def test_many_chains_are_judged_by_the_spread_between_chains() -> None:
    values = np.random.default_rng(0).normal(5, 2, (3, 400))
    table = tabulate(
        reproduction(), [wrote(Replace(), seed, [[0.0] * 400, list(last)]) for seed, last in enumerate(values)]
    )
    row = table.of(METRIC)[-1]
    assert row.measured == pytest.approx(values.mean())
    assert row.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(1200), rel=0.01)


def test_many_seeds_are_judged_by_the_spread_between_seeds_for_chains_share_their_draws() -> None:
    values = [[0.9 + seed / 10] * 50 + [1.1 + seed / 10] * 50 for seed in range(10)]
    table = tabulate(reproduction(), [wrote(Replace(), seed, [[0.0] * 100, last]) for seed, last in enumerate(values)])
    assert table.of(METRIC)[-1].standard_error == pytest.approx(np.std(np.arange(10) / 10, ddof=1) / math.sqrt(10))


def test_differences_from_the_baseline_are_paired_by_seed() -> None:
    played = [
        run
        for seed, value in enumerate((10.0, 20.0, 30.0))
        for run in (
            wrote(HumanOnly(), seed, [[0.0], [value]]),
            wrote(Replace(), seed, [[0.0], [value + 1 + seed / 10]]),
        )
    ]
    table = tabulate(reproduction(baseline="human-only"), played)
    row = table.of(METRIC, "replace")[-1]
    assert row.difference == pytest.approx(1.1)
    assert 0.8 < row.difference_low < 1.1 < row.difference_high < 1.4
    assert math.isnan(table.of(METRIC, "human-only")[-1].difference)
    assert "Δ +1.1" in as_markdown(table)


def row(measured: float, reference: float, kind: str) -> ResultRow:
    return ResultRow("a", 1, METRIC, measured, 0.1, 0.0, 0.0, measured, 3, 100, reference, kind)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [row(1.2, 1.0, "exact"), row(0.9, 1.0, "exact")],
            "2 rows with an exact prediction agree with theory, tested together at the 99 % level: the largest "
            "distance from the prediction is +2.00 standard errors",
        ),
        (
            [row(1.2, 1.0, "exact"), row(1.5, 1.0, "exact")],
            "2 rows with an exact prediction DISAGREE with theory, tested together at the 99 % level: the largest "
            "distance from the prediction is +5.00 standard errors",
        ),
        ([row(0.9, 1.0, "bound"), row(9.0, 1.0, "bound")], "2 lower bounds hold"),
        ([row(0.5, 1.0, "bound"), row(9.0, 1.0, "bound")], "DO NOT HOLD in 1 rows"),
        (
            [dataclasses.replace(row(0.5, 1.0, "bound"), standard_error=math.nan)],
            "1 rows below a lower bound were not tested",
        ),
        ([row(1.1, 1.0, "first-order")], "1 rows with an approximate prediction differ from it by at most 10.0 %"),
    ],
)
def test_a_verdict_says_whether_theory_and_measurement_agree(rows: list[ResultRow], message: str) -> None:
    (verdict,) = agreement(rows)
    assert message in verdict


def test_conditions_of_equal_numbers_are_one_row_of_a_verdict() -> None:
    """As in round 1, where every regime has the same model; summed in another order, the last digits differ."""
    same = [dataclasses.replace(row(1.2, 1.0, "exact"), condition=f"c{k}", measured=1.2 + k * 1e-15) for k in range(9)]
    others = [
        dataclasses.replace(same[0], round=2),
        dataclasses.replace(same[0], metric="another"),
        row(0.9, 1, "exact"),
    ]
    (verdict,) = agreement([*same, *others])
    assert verdict.startswith("4 rows with an exact prediction agree with theory, tested together")
    assert verdict == agreement([same[0], *others])[0]
    held = [dataclasses.replace(exact, kind="bound", measured=0.7) for exact in same]
    assert agreement(held) == [
        "1 lower bounds DO NOT HOLD in 1 rows, tested together at the 99 % level (one-sided tests)"
    ]


def test_theory_stands_beside_what_was_measured_and_what_is_unknown_is_empty() -> None:
    def theory(run: Run, metric: str, round: int) -> Reference | None:
        return Reference(2.5, "exact") if round else None

    table = tabulate(reproduction(theory=theory), [wrote(Replace(), 0, [[1.0], [2.0]])])
    assert [(row.reference, row.kind) for row in table.rows[1:]] == [(2.5, "exact")]
    header, first, second = as_csv(table.rows).splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=True))["reference"] == ""
    assert dict(zip(header.split(","), second.split(","), strict=True))["reference"] == "2.5"
