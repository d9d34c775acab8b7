"""The time that a run spends on its registry, at tiny sizes: all rows are measured, and their values are plausible."""

import pytest

from benchmarks.harness.sizes import Sizes
from benchmarks.simulator import suite


@pytest.mark.slow
def test_each_share_is_the_median_of_several_runs_in_which_the_registry_is_a_part() -> None:
    rows = list(suite.measure_tasks(["registry"], Sizes(lines=40, times=2)))
    targets = {row.task: str(row.target) for row in rows}
    assert targets == {
        "Gaussians: registry, share of run": "ratio <= 0.5",
        "Gaussians: registry, compared with a bare database": "ratio <= 2",
        "VAE: registry, share of run": "ratio <= 0.05",
        "small GPT: registry, share of run": "ratio <= 0.05",
    }
    for row in rows:
        assert len(row.values) == len(row.baselines) == 2
        assert row.values[0] != row.values[1]
        if row.task.endswith("share of run"):
            assert all(0 < registry < run for registry, run in zip(row.values, row.baselines, strict=True))
