"""What a run spends on its registry, at tiny sizes: every row is there, and its figures are what they are called."""

import pytest

from benchmarks.bare.baselines import Sizes
from benchmarks.simulator import suite


@pytest.mark.slow
def test_each_share_is_the_median_of_several_runs_in_which_the_registry_is_a_part() -> None:
    rows = list(suite.measured(["registry"], Sizes(lines=40, times=2)))
    bars = {row.work: str(row.bar) for row in rows}
    assert bars == {
        "a run's registry, of the run": "ratio <= 0.5",
        "a run's registry, of the database": "ratio <= 2",
        "the registry of a VAE, of the run": "ratio <= 0.05",
        "the registry of a small GPT, of the run": "ratio <= 0.05",
    }
    for row in rows:
        assert len(row.values) == len(row.baselines) == 2
        assert row.values[0] != row.values[1]
        if row.work.endswith("the run"):
            assert all(0 < registry < whole for registry, whole in zip(row.values, row.baselines, strict=True))
