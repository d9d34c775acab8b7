"""The notebook's ranges stand beside ours, from rows that are known."""

import dataclasses
from pathlib import Path

import numpy as np

from firsthand.schemas.models import OriginCounts
from simulator.config import encode
from simulator.reproductions.notebook import NOTEBOOK
from simulator.reproductions.table import tabulate
from simulator.runs import results
from simulator.runs.results import Results


def test_where_the_notebook_shows_a_range_it_stands_beside_ours() -> None:
    """Of 20 chains one is 1 and the others 0: the mean is .05, its standard error sd/√20 = .05, and t(19) is 2.093."""
    (run,) = NOTEBOOK.experiment("standard").runs
    values = np.zeros(20)
    values[0] = 1.0
    rows = [results.row(t, t, False, None, OriginCounts(), [{"l2_first": values}]) for t in range(501)]
    played = Results(Path("unused"), {"config": encode(run), "names": {"regime": "replace"}}, rows)
    table = tabulate(dataclasses.replace(NOTEBOOK, metrics=("l2_first",)), [played], (1, 50, 100, 500))
    assert NOTEBOOK.answer is not None
    assert NOTEBOOK.answer(table)[1:] == [
        "Squared L2 distance in generation 50: median 0, mean 0.05 [0, 0.155] over 20 chains; "
        "the notebook shows 0.03 to 0.06.",
        "Squared L2 distance in generation 500: median 0, mean 0.05 [0, 0.155] over 20 chains; "
        "the notebook does not show it.",
    ]
