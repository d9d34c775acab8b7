"""What a human item is worth, from rows that are known: in each generation, and for each item spent."""

from pathlib import Path

import numpy as np
import pytest

from firsthand.schemas.models import OriginCounts
from simulator import oracles
from simulator.config import Run, encode
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import Fresh
from simulator.reproductions.table import tabulate
from simulator.reproductions.value import VALUE
from simulator.runs import results
from simulator.runs.results import Results

N, LAST = 100, 5


def wrote(share: float) -> Results:
    """A finished run in which every mean_error is what theory says."""
    run = Run(Gaussian(), Normal(N), Fresh(share), n=N, generations=LAST, chains=1)
    errors = [0.0, *oracles.expect_fresh(N, share, LAST).mean_squared]
    rows = [
        results.row(t, t, False, None, OriginCounts(), [{"mean_error": np.array([e])}]) for t, e in enumerate(errors)
    ]
    return Results(Path("unused"), {"config": encode(run), "names": {"regime": "fresh"}}, rows)


def test_an_item_in_each_generation_is_worth_more_with_time_and_each_item_spent_is_worth_less() -> None:
    """By hand: without people E[μ_2²] = 1 − .99², so a training set is worth 50.2513; with 1 %, 50.7566."""
    assert VALUE.answer is not None
    _, step = VALUE.answer(tabulate(VALUE, [wrote(0.0), wrote(0.01)], (1, 2, 5)))
    worth = [[1 / oracles.expect_fresh(N, share, LAST).mean_squared[t - 1] for t in (2, 5)] for share in (0.0, 0.01)]
    assert worth[0][0] == pytest.approx(1 / (1 - 0.99**2))
    second, fifth = (with_one - without for without, with_one in zip(*worth, strict=True))
    assert (second, fifth) == (pytest.approx(0.505, abs=0.001), pytest.approx(0.824, abs=0.001))
    assert step == (
        f"From 0% to 1% human: gain by one more item per generation {second:.3g} (exact {second:.3g}) at generation 2, "
        f"{fifth:.3g} (exact {fifth:.3g}) at generation 5; "
        f"per item used {second:.3g} ({second:.3g}), {fifth / 4:.3g} ({fifth / 4:.3g})."
    )
