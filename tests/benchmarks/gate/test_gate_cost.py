"""The benchmark of the gate runs all four commands, and its figures belong together."""

import json

import pytest

from benchmarks.gate.__main__ import LEAST_SPEED_UP, main
from benchmarks.gate.gate_cost import GateCost, GateTimes, speed_up

SMALL = ["--lines", "3000", "--held", "5000", "--times", "1"]


@pytest.mark.slow
def test_each_command_has_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([*SMALL, "--json"])
    measured = json.loads(capsys.readouterr().out)
    assert [(cost["source"], cost["workers"]) for cost in measured["costs"]] == [
        ("snapshot", 1),
        ("snapshot", 2),
        ("registry", 1),
        ("registry", 2),
    ]
    for cost in measured["costs"]:
        (run,) = cost["runs"]
        assert 0 < run["command"] <= 2.1 * run["clock"] + 1
        assert run["registry"] >= 0
    assert status == int(min(measured["speed_up"].values()) < LEAST_SPEED_UP)


def test_the_speed_up_is_a_ratio_of_medians() -> None:
    by_one = GateCost("snapshot", 1, tuple(GateTimes(seconds, 1, 0) for seconds in (3.0, 2.0, 9.0)))
    by_two = GateCost("snapshot", 2, tuple(GateTimes(seconds, 1, 0) for seconds in (1.0, 1.5, 7.0)))
    assert speed_up([by_one, by_two, GateCost("registry", 1, (GateTimes(8, 1, 1),))], "snapshot") == 2.0
