"""Every named result, in its smallest size, by the command that makes it."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.reproductions.catalog import REPRODUCTIONS, every

FILES = {"table.csv", "table.md", "rows.jsonl", "figure.svg", "figure.png"}


def command(name: str, out: Path) -> list[str]:
    smallest = ["--size", "smoke", "--workers", "1", "--json", "--out", str(out)]
    return [sys.executable, "-m", "firsthand", "simulate", "reproduce", name, *smallest]


def reproduce(name: str, out: Path) -> None:
    done = subprocess.run(command(name, out), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def kill_in_the_middle(name: str, out: Path) -> None:
    """SIGKILL to the command and its workers as soon as some run has played its first round, and its registry ends."""
    with subprocess.Popen(
        command(name, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None and not any(out.glob("runs/*/contents/model*-0001.digests.npy")):
            time.sleep(0.01)
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_a_named_result_killed_in_the_middle_is_the_same_byte_for_byte(name: str, tmp_path: Path) -> None:
    kill_in_the_middle(name, tmp_path / "killed")
    assert not (tmp_path / "killed" / "table.csv").exists()
    for folder in ("killed", "whole"):
        reproduce(name, tmp_path / folder)
        assert {path.name for path in (tmp_path / folder).iterdir()} == {*FILES, "runs"}
    for file in ("rows.jsonl", "table.csv", "figure.svg"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert list(csv.DictReader((tmp_path / "whole" / "table.csv").read_text().splitlines()))
    assert (tmp_path / "whole" / "figure.png").stat().st_size > 5_000


def test_the_list_says_of_each_result_what_it_answers_and_how_long_it_takes() -> None:
    found = every()
    assert [each.name for each in found] == list(REPRODUCTIONS)
    for each in found:
        assert each.question.endswith("?")
        assert set(each.minutes) == {"smoke", "standard", "full"}
        assert len({run.id for run in each.experiment("full").runs}) > 1
