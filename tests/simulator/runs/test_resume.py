"""A run killed anywhere and resumed writes the same bytes: real processes, a real SIGKILL, a real registry."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from simulator.config import Experiment, Run
from simulator.data.texts import Text
from simulator.families.ngram import NGram
from simulator.regimes import Replace
from simulator.runs import checkpoints, results, sweeps
from simulator.runs.checkpoints import State

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL and process groups are POSIX"),
]

# A family and a corpus that kill the command and its workers, all of them, at a chosen call: after three fits the
# process is in round 3 with its mix drawn; at the fourth pictures, round 3 is registered and not saved.
MINE = '''
import itertools
import os
import signal
from dataclasses import dataclass

from simulator.config import Experiment, Run
from simulator.data.corpora import Blobs
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.regimes import Fresh, Replace

calls = itertools.count(1)


def reach(place):
    """Die at the n-th call of the place that DIE_AT names."""
    chosen, _, call = os.environ.get("DIE_AT", "").partition(":")
    if place == chosen and next(calls) == int(call):
        os.killpg(os.getpgrp(), signal.SIGKILL)


class Mortal:
    def fit(self, items, rng):
        fitted = super().fit(items, rng)
        reach("fit")
        return fitted


@dataclass(frozen=True)
class MortalGaussian(Mortal, Gaussian):
    pass


@dataclass(frozen=True)
class MortalGMM(Mortal, GMM):
    pass


@dataclass(frozen=True)
class Watched(Blobs):
    def images(self, items):
        reach("images")


experiment = [
    Run(MortalGaussian(), Watched(30), Fresh(0.2), n=30, generations=4, chains=3),
    Run(MortalGMM(2), Watched(40), Replace(), n=40, generations=4, chains=2),
]
'''


def simulate(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `firsthand simulate …` in a folder, in a process group of its own."""
    return subprocess.run(
        [sys.executable, "-m", "firsthand", "simulate", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        start_new_session=True,
    )


def written(out: Path) -> dict[str, bytes]:
    """The bytes of each run's results under `out`."""
    return {file.parent.name: file.read_bytes() for file in sorted(out.glob("*/results.jsonl"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, with a file of the user's own and an experiment in it that ran through."""
    folder = tmp_path_factory.mktemp("resume")
    (folder / "mine.py").write_text(MINE)
    done = simulate(folder, "run", "mine.py:experiment", "--out", "through", "--workers", "2")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("moment", ["fit:3", "images:4"])
def test_killed_in_the_middle_of_round_3_and_resumed_it_writes_the_same_bytes(folder: Path, moment: str) -> None:
    out = folder / moment.replace(":", "-")
    killed = simulate(folder, "run", "mine.py:experiment", "--out", out.name, "--workers", "2", DIE_AT=moment)
    assert killed.returncode == -signal.SIGKILL
    assert min(stopped_after(run) for run in out.glob("*/run.json")) <= 2
    assert written(out) != written(folder / "through")

    resumed = simulate(folder, "resume", out.name, "--workers", "2", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert len(json.loads(resumed.stdout)["runs"]) == 2
    assert written(out) == written(folder / "through")


def stopped_after(plan: Path) -> int:
    """The last round that a killed run had saved."""
    state = checkpoints.load(plan.parent)
    return -1 if state is None else state.round


def test_a_row_that_was_written_before_its_state_is_written_again_and_not_twice(folder: Path) -> None:
    """The one moment that no hook reaches: results and state are two files, and the process dies between them."""
    runs = sorted((folder / "through").glob("*/results.jsonl"))
    before = written(folder / "through")
    for file in runs:
        lines = file.read_bytes().splitlines(keepends=True)
        generations = tuple(row["generation"] for row in results.read(file.parent).rows)
        position = positions(file.parent)[2]
        checkpoints.save(file.parent, State(position, generations[:3], sum(map(len, lines[:4]))))
        file.write_bytes(b"".join(lines[:5]) + b'{"round": 4, "gen')
    resumed = simulate(folder, "resume", "through", "--workers", "2")
    assert resumed.returncode == 0, resumed.stderr
    assert written(folder / "through") == before


def positions(folder: Path) -> list[int]:
    """The position that each round's registration returned."""
    events = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    return [event["position"] for event in events if event["event"] == "round"]


@pytest.fixture
def ordered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text, where a run of that text was ordered twice; a text of the same name lies elsewhere."""
    for home, word in (("home", "egg"), ("elsewhere", "spam")):
        (tmp_path / home).mkdir()
        (tmp_path / home / "mine.txt").write_text("\n\n".join(f"{word} {'ham ' * (k % 7)}{k} " * 40 for k in range(99)))
    text = Text("mine.txt", tokens="words", vocabulary=50, block=8)
    monkeypatch.chdir(tmp_path / "home")
    for out in ("here", "there"):
        sweeps.plan(Experiment("one", (Run(NGram(), text, Replace(), n=40, generations=2),)), Path(out))
    return tmp_path / "home"


def test_a_run_reads_a_users_file_where_it_was_ordered_from_wherever_it_is_gone_on_with(ordered: Path) -> None:
    for home, out in ((ordered, "here"), (ordered.parent / "elsewhere", "../home/there")):
        done = simulate(home, "resume", out)
        assert done.returncode == 0, done.stderr
    assert written(ordered / "here") == written(ordered / "there")
    assert str(ordered.parent).encode() not in b"".join(written(ordered / "here").values())


def test_a_run_whose_directory_is_gone_resumes_with_the_same_file_from_here_only(
    ordered: Path,
) -> None:
    assert simulate(ordered, "resume", "here").returncode == 0
    whole = written(ordered / "here")
    (folder,) = (run.parent for run in (ordered / "here").glob("*/run.json"))
    end = sum(map(len, (folder / "results.jsonl").read_bytes().splitlines(keepends=True)[:3]))
    checkpoints.save(folder, State(positions(folder)[1], (0, 1), end))
    moved = ordered.rename(ordered.with_name("moved"))
    other, none, same = (
        simulate(moved.parent / at, "resume", str(moved / "here")) for at in ("elsewhere", ".", "moved")
    )
    assert (other.returncode, none.returncode) == (1, 1)
    assert "data of the run in" in other.stderr
    assert f"{moved.parent / 'mine.txt'} cannot be read" in none.stderr
    assert same.returncode == 0, same.stderr
    assert written(moved / "here") == whole


OWN = """
from dataclasses import dataclass
from simulator.config import grid
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import Replace

@dataclass(frozen=True)
class Mine(Replace):
    "the last generation, by a regime of one's own"

experiment = grid("own", Gaussian(), Normal(20), [Mine()], [0], n=20, generations=2)
"""


def test_a_run_with_a_users_own_regime_resumes_after_its_folder_was_moved(tmp_path: Path) -> None:
    ordered = tmp_path / "home"
    ordered.mkdir()
    (ordered / "mine.py").write_text(OWN)
    done = simulate(ordered, "run", "mine.py:experiment", "--out", "here")
    assert done.returncode == 0, done.stderr
    whole = written(ordered / "here")
    (folder,) = (run.parent for run in (ordered / "here").glob("*/run.json"))
    end = sum(map(len, (folder / "results.jsonl").read_bytes().splitlines(keepends=True)[:3]))
    checkpoints.save(folder, State(positions(folder)[1], (0, 1), end))
    moved = ordered.rename(ordered.with_name("moved"))
    same = simulate(moved, "resume", "here")
    assert same.returncode == 0, same.stderr
    assert written(moved / "here") == whole
