"""Damaged files of a run are refused in words that name the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.config import Run, encode
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import Preserve
from simulator.runs import checkpoints, results, sweeps
from simulator.runs.checkpoints import Plan, State
from simulator.runs.registry_process import RegistryAddress

RUN = Run(Gaussian(), Normal(20), Preserve(0.1), n=20, generations=3)
PLAN: dict[str, Any] = {"config": encode(RUN), "registry": "../registry", "directory": "."}
STATE: dict[str, Any] = {"position": 7, "generations": [0, 1], "results_bytes": 90}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"config": {', "is damaged: it is not valid JSON"),
        (b"\xff\xfe", "is damaged: it is not valid JSON"),
        (b"[]", "is not a JSON object"),
        (json.dumps(PLAN | {"colour": 1}).encode(), "has the unknown key 'colour'"),
        (json.dumps({"config": PLAN["config"]}).encode(), "lacks the key 'registry'"),
        (json.dumps(PLAN | {"config": []}).encode(), "has no number of `generations`"),
    ],
)
def test_a_damaged_plan_is_refused_with_its_path(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.json.*start the run again") as caught:
        checkpoints.load_plan(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged: it is not valid JSON"),
        (json.dumps(STATE | {"colour": 1}).encode(), "has the unknown key 'colour'"),
        (json.dumps({"position": 7}).encode(), "lacks the key 'generations'"),
    ],
)
def test_a_damaged_state_is_refused_with_its_path(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"state\.json.*start the run again") as caught:
        checkpoints.load(tmp_path)
    assert words in str(caught.value)


def test_a_line_of_results_that_is_not_json_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / results.FILE).write_text('{"format": \n')
    with pytest.raises(ValueError, match=r"results\.jsonl is damaged"):
        results.read(tmp_path)


def test_plan_and_state_are_read_as_they_were_saved(tmp_path: Path) -> None:
    plan, state = Plan(**PLAN), State(7, (0, 1), 90)
    checkpoints.save_plan(tmp_path, plan)
    checkpoints.save(tmp_path, state)
    assert (checkpoints.load_plan(tmp_path), checkpoints.load(tmp_path)) == (plan, state)


def test_a_wrong_setting_in_a_plan_is_reported_without_the_words_of_pydantic(tmp_path: Path) -> None:
    config = PLAN["config"] | {"regime": {"type": "preserve", "share": "much"}}
    checkpoints.save_plan(tmp_path, Plan(config, "unused", str(tmp_path)))
    (reason,) = sweeps._play_one(RegistryAddress("http://127.0.0.1:9", "unused"), True, tmp_path)
    assert "share 'much': use a number" in str(reason)
    assert "pydantic" not in str(reason)
