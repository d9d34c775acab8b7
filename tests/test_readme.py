"""The README's commands, run as they stand: its blocks are taken out of the file, not copied here."""

import gzip
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from service.settings import Settings
from tests.conftest import create_database, database_at, drop_database

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

#: What the README calls its registry and its database; the tests' own have other addresses.
REGISTRY, DATABASE = "http://127.0.0.1:8734", "postgresql://firsthand:secret@localhost/firsthand"

#: Blocks that begin so are for a clone or a Docker engine: `.ci/run` and tests/test_docker.py are their tests.
BY_OTHERS = ("make ", "docker ", ". .venv/bin/activate")


class Fence(NamedTuple):
    """A fenced block of the README."""

    language: str
    code: str


def blocks(section: str) -> list[Fence]:
    """The blocks under a heading that are run here, in order."""
    text = README.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    fences = [Fence(*pair) for pair in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    return [block for block in fences if not block.code.startswith(BY_OTHERS)]


def environment() -> dict[str, str]:
    """The tests' own, with the commands of this virtual environment first, and a port that is free.

    Engines keep their hands off the network outside.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    alone = {"HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    return os.environ | {"PATH": path, "FIRSTHAND_PORT": "0", "OMP_NUM_THREADS": "1"} | alone


def run(block: Fence, folder: Path, warnings: str = "error", **instead: str) -> str:
    """Run a block as a reader would, with `instead` of the addresses that it names; answers what it printed.

    A Python block that begins with a file's name is that file. `warnings` are errors, but for engines that have some
    of their own.
    """
    code = block.code
    for ours, theirs in ((REGISTRY, instead.get("registry")), (DATABASE, instead.get("database"))):
        code = code.replace(ours, theirs) if theirs else code
    if block.language == "python" and (name := re.match(r"# (\w+\.py)\n", code)):
        (folder / name[1]).write_text(code)
        return ""
    program = [sys.executable, "-W", warnings, "-c"] if block.language == "python" else ["sh", "-euc"]
    done = subprocess.run(
        [*program, code],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def served(code: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """A block that ends in `firsthand serve`, left running as in another terminal: where it answers, and its output."""
    log = folder / "serve.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            ["sh", "-euc", code], cwd=folder, env=environment(), stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield _address(server, log), log
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(PATIENCE_SECONDS)


def _address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    printed = re.compile(r" at http://[\d.]+:(\d+)")
    wait_until(lambda: server.poll() is not None or printed.search(log.read_text()), "the server prints its address")
    address = printed.search(log.read_text())
    assert address, log.read_text()
    return f"http://127.0.0.1:{address[1]}"


@pytest.mark.slow
def test_a_dataset_is_registered_checked_and_filtered_and_a_pipeline_asks_for_it(tmp_path: Path) -> None:
    serve, register, check = blocks("Registering a dataset")
    with served(serve.code, tmp_path) as (url, _):
        run(register, tmp_path)
        checked = run(check, tmp_path)
        assert "made by models: 25.0–50.0 %" in checked
        assert "the gate said no: exit status 3" in checked
        assert sorted(path.name for path in (tmp_path / "human").rglob("*.txt")) == ["1.txt", "2.txt"]

        python, with_curl = blocks("From a data pipeline")
        printed = run(python, tmp_path)
        assert "'unknown': 1" in printed
        assert "'human': 1" in printed
        assert "'model': 1" in printed
        assert "generations={'1': 1}" in printed
        (serving,) = blocks("From a model's serving path")
        assert "True Counts(spooled=1, short=1, dropped=0, sent=1, waiting=0" in run(serving, tmp_path)
        answers = run(with_curl, tmp_path, registry=url)
        assert '"verdict":"human"' in answers
        assert '"verdicts":["human"]' in answers
        assert '"origin":"human"' in answers

        local, ask_snapshot = blocks("Asking without network")
        printed = run(local, tmp_path)
        assert "2 look-ups said human and are counted as unknown" in printed
        assert "made by models: 25.0–50.0 %" in printed
        assert run(ask_snapshot, tmp_path) == "[2] [1]\n"

        gated, on_ray, on_datasets, on_datatrove = blocks("Gating a pipeline's own data")
        printed = run(gated, tmp_path)
        assert "made by models: 25.0–100.0 %" in printed
        assert "3 of 4 items kept, in unknown/" in printed
        for engine in (on_ray, on_datasets):
            assert "'verdict': 'model', 'generation': 1, 'lower_bound': False" in run(engine, tmp_path, "default")
        run(on_datatrove, tmp_path, "default")
        assert b'"verdict":"model"' in gzip.decompress(next((tmp_path / "kept").glob("*.jsonl.gz")).read_bytes())


@pytest.mark.slow
def test_experiments_run_and_so_does_a_regime_of_ones_own(tmp_path: Path) -> None:
    for block in blocks("Running an experiment"):
        run(block, tmp_path)
    assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")
    played = [path for path in (tmp_path / "runs" / "mine").glob("*/results.jsonl")]
    assert len(played) == 4
    for results in played:
        assert len(results.read_text().splitlines()) == 1 + 5


@pytest.mark.slow
def test_a_registry_moves_to_postgresql(tmp_path: Path, postgresql: str) -> None:
    (deploy,) = blocks("Running a registry for others")
    name = f"readme_{uuid4().hex[:12]}"
    create_database(postgresql, name)
    try:
        assert DATABASE in deploy.code
        with served(deploy.code.replace(DATABASE, database_at(postgresql, name)), tmp_path) as (_, log):
            assert "administrator's key, shown this once" in log.read_text()
            assert "serves postgresql" in log.read_text()
    finally:
        drop_database(postgresql, name)


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`FIRSTHAND_{name.upper()}`" in README


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", README)) | set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_every_file_and_folder_that_is_named_exists() -> None:
    named = re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(r"^\| `([a-z]+/)` \|", README, re.MULTILINE)
    assert len(named) >= 6
    assert [name for name in named if not (ROOT / name).exists()] == []
