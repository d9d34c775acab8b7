"""Run ids, first digests and rows stay what they were when they were frozen.

`FIRSTHAND_FREEZE=1 pytest tests/simulator/test_frozen.py` freezes them anew.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from firsthand.client import Client
from simulator import names
from tests.simulator import frozen, tiny_opt
from tests.simulator.playing import play


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute as a worker of a sweep does: results depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def with_opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the language model of the run `family hf`."""
    folder = tmp_path_factory.mktemp("frozen")
    (folder / frozen.OPT).mkdir()
    tiny_opt.save(folder / frozen.OPT, frozen.BLOCK)
    return folder


def test_every_name_has_a_frozen_run() -> None:
    classes = {type(part) for run in (*frozen.RUNS.values(), *frozen.UNPLAYED.values())
               for part in (run.family, run.corpus, run.regime, run.world)}  # fmt: skip
    assert {names.reference(kind) for kind in classes} == set(names.NAMES)


def test_the_ids_of_runs_are_as_they_were() -> None:
    if os.environ.get("FIRSTHAND_FREEZE"):
        frozen.save({"ids": frozen.ids(), "runs": {}})
    assert frozen.ids() == frozen.load()["ids"]


@pytest.mark.slow
@pytest.mark.parametrize("name", frozen.RUNS)
def test_a_run_draws_and_measures_what_it_did(
    name: str, with_opt: Path, tmp_path: Path, client: Client, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(with_opt)
    described = frozen.describe(play(tmp_path / "run", frozen.RUNS[name], client))
    if os.environ.get("FIRSTHAND_FREEZE"):
        kept = frozen.load()
        frozen.save(kept | {"runs": kept["runs"] | {name: described}})
    expected = frozen.load()["runs"][name]
    assert described["human"] == expected["human"]
    assert described["outputs"] == expected["outputs"]
    assert_close(described["rows"], expected["rows"])


def assert_close(measured: Any, expected: Any) -> None:
    """Assert that two JSON values are equal, numbers up to a relative 1e-6: processors round sums differently."""
    if isinstance(expected, dict):
        assert measured.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(measured[key], value)
    elif isinstance(expected, list):
        assert len(measured) == len(expected)
        for mine, theirs in zip(measured, expected, strict=True):
            assert_close(mine, theirs)
    elif isinstance(expected, float):
        assert measured == pytest.approx(expected, rel=1e-6, abs=1e-12, nan_ok=True)
    else:
        assert measured == expected
