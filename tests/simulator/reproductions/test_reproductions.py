"""Every named result, in its smallest size, by the command that makes it."""

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.harness.waiting import wait_until
from firsthand.client import Client
from simulator.families.vae import VAE
from simulator.regimes import Replace
from simulator.reproductions import make
from simulator.reproductions.base import SIZES, Size
from simulator.reproductions.catalog import REPRODUCTIONS, every, find
from simulator.runs import rounds, sweeps
from simulator.worlds.base import Truthful
from tests.conftest import Registry

pytestmark = pytest.mark.slow

#: Named results that are also killed in the middle: a table of exact rows, networks, several providers, late verdicts.
KILLED = ("gaussian-theory", "vae-paper", "lying", "late-truth")

FILES = {"table.csv", "table.md", "rows.jsonl", "figure.svg", "figure.png"}


def command(name: str, out: Path) -> list[str]:
    smallest = ["--size", "smoke", "--workers", "1", "--json", "--out", str(out)]
    return [sys.executable, "-m", "firsthand", "simulate", "reproduce", name, *smallest]


def kill_in_the_middle(name: str, out: Path) -> None:
    """SIGKILL to the command and its workers as soon as some run has registered what its first model made."""
    with subprocess.Popen(
        command(name, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        registered = "runs/*/contents/model*-0001.digests.npy"
        wait_until(lambda: process.poll() is not None or any(out.glob(registered)), "a first model is registered")
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a worker computes: bytes depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def undisturbed(name: str, out: Path, registry: Registry) -> None:
    """All runs in this process, in another registry."""
    chosen = find(name)
    folders = sweeps.plan(chosen.experiment("smoke"), out / "runs", registry.url, "typed")
    with Client(registry.url, registry.api_key) as client:
        for folder in folders:
            rounds.play(folder, client)
    make.write(chosen, "smoke", folders, out, "typed")


def assert_complete(folder: Path) -> None:
    """All files of a named result are there, and its table has rows."""
    assert {path.name for path in folder.iterdir()} == {*FILES, "runs"}
    assert list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert (folder / "figure.png").stat().st_size > 5_000


@pytest.mark.parametrize("name", [name for name in REPRODUCTIONS if name not in KILLED])
def test_a_named_result_writes_its_table_and_its_figure(
    name: str, tmp_path: Path, registry: Registry, one_thread: None
) -> None:
    undisturbed(name, tmp_path / "whole", registry)
    assert_complete(tmp_path / "whole")


@pytest.mark.parametrize("name", KILLED)
def test_a_named_result_killed_in_the_middle_is_the_same_byte_for_byte(
    name: str, tmp_path: Path, registry: Registry, one_thread: None
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kill_in_the_middle(name, killed)
    assert not (killed / "table.csv").exists()
    resumed = subprocess.run(command(name, killed), capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    undisturbed(name, whole, registry)
    for folder in (killed, whole):
        assert_complete(folder)
    for file in ("rows.jsonl", "table.csv", "figure.svg"):
        assert (killed / file).read_bytes() == (whole / file).read_bytes()


def test_the_list_says_of_each_result_what_it_answers_and_how_long_it_takes() -> None:
    reproductions = every()
    assert [reproduction.name for reproduction in reproductions] == list(REPRODUCTIONS)
    for reproduction in reproductions:
        assert reproduction.question.endswith("?")
        assert set(reproduction.minutes) == {"smoke", "standard", "full"}
        assert len(reproduction.experiment("full").runs) >= 1


@pytest.mark.parametrize("size", SIZES)
def test_the_papers_autoencoder_sees_each_of_its_fresh_draws_once(size: Size) -> None:
    runs = [run for run in find("vae-paper").experiment(size).runs if isinstance(run.world, Truthful)]
    seeds = []
    for run in runs:
        assert isinstance(run.world, Truthful)
        if run.world.times > 1:
            assert isinstance(run.family, VAE)
            assert isinstance(run.regime, Replace)
            trained = run.family.settings
            assert trained.steps * trained.batch == run.n * run.regime.times == sum(run.world.outputs(run.n))
            seeds.append(run.seed)
    assert seeds == sorted({run.seed for run in runs})
