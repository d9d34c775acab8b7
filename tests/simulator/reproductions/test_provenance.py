"""What conditions of a registry that knows too little are compared with what, and what theory expects of them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from firsthand.schemas.models import OriginCounts
from simulator.config import Run, encode
from simulator.regimes import Crawl
from simulator.reproductions.base import Reproduction
from simulator.reproductions.pools import expected
from simulator.reproductions.provenance import FIRST_MOVER, LABEL_NOISE
from simulator.reproductions.table import tabulate
from simulator.runs import results
from simulator.runs.results import Results


def runs(reproduction: Reproduction) -> dict[str, Run]:
    """A run of each condition of the standard size."""
    assert reproduction.condition is not None
    return {reproduction.condition(run): run for run in reproduction.experiment("standard").runs}


def drift(run: Run, generation: int) -> float:
    drifts = expected(run)
    assert drifts is not None
    return float(drifts[generation - 1])


def trains_on_everything(run: Run) -> bool:
    assert isinstance(run.regime, Crawl)
    return run.regime.everything


@pytest.mark.slow
def test_whether_to_drop_what_is_unknown_turns_with_what_is_known() -> None:
    """With 20 known human items the 1/20 of who drops is worse; with 100 it is 1/100, and better."""
    conditions = runs(LABEL_NOISE)
    few, enough = ("half registered, a tenth archived, pool of " + items for items in ("2,000", "10,000"))
    kept = [drift(conditions[f"{pool}, unknown as human"], 10) for pool in (few, enough)]
    dropped = [
        conditions[f"{few}, unknown dropped: 20 items in place of 100"],
        conditions[f"{enough}, unknown dropped"],
    ]
    assert [drift(run, 10) for run in dropped] == [pytest.approx(1 / 20), pytest.approx(1 / 100)]
    assert kept == [pytest.approx(0.0291, abs=2e-4)] * 2
    assert not trains_on_everything(dropped[1])


@pytest.mark.slow
@pytest.mark.parametrize("share", ["0%", "10%", "50%"])
def test_false_positives_at_a_fixed_n_and_a_fixed_pool_are_of_one_world(share: str) -> None:
    conditions = runs(LABEL_NOISE)
    n, pool = (conditions[f"false positives {share}, {fixed} fixed"] for fixed in ("n", "pool"))
    assert n.world == pool.world
    assert not trains_on_everything(n)
    assert trains_on_everything(pool)


@pytest.mark.slow
def test_growing_false_positives_cost_more_with_each_generation() -> None:
    conditions = runs(LABEL_NOISE)
    growing = conditions["false positives 10 %, 10 % more each generation, n fixed"]
    steady = conditions["false positives 10%, n fixed"]
    assert drift(growing, 2) == drift(steady, 2)
    assert drift(growing, 10) > 2 * drift(steady, 10)


@pytest.mark.slow
def test_theory_predicts_nothing_of_an_entrant_before_its_first_model() -> None:
    """In the generation g of a run, mean_error is 1/(10·g + 10): in generation 5 that is worth 60 items."""
    name = "comes in at generation 3 with what the pool then holds"
    run = runs(FIRST_MOVER)[name]
    errors = [1 / (10 * t + 10) for t in range(run.generations + 1)]
    rows = [
        results.row(t, t, False, None, OriginCounts(), [{"mean_error": np.array([e])}]) for t, e in enumerate(errors)
    ]
    played = Results(Path("unused"), {"config": encode(run), "names": {"regime": "entrant"}}, rows)
    table = tabulate(dataclasses.replace(FIRST_MOVER, metrics=("mean_error",)), [played], (1, 2, 3, 4, 5))
    assert [row.round for row in table.rows] == [4, 5]
    assert FIRST_MOVER.answer is not None
    assert FIRST_MOVER.answer(table)[-1] == f"{name}: 50 at generation 4, 60 at generation 5."
