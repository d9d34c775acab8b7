"""`firsthand simulate` as a user types it: real worker processes, a real registry."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import simulator
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from simulator import demo, options
from simulator.cli import app
from simulator.runs import results
from tests.conftest import Registry

pytestmark = pytest.mark.slow

MINE = """
from dataclasses import dataclass

import numpy as np

from simulator.config import grid
from simulator.data.corpora import Normal
from simulator.regimes import Regime, human, last_generation


@dataclass(frozen=True)
class Bootstrap:
    '''Draws from the very items it was given.'''

    noise: float = 0.0

    def fit(self, items, rng):
        return Drawn(items, self.noise)


@dataclass
class Drawn:
    items: np.ndarray
    noise: float

    def sample(self, n, rng):
        drawn = self.items[rng.integers(len(self.items), size=n)]
        return drawn + self.noise * rng.standard_normal(drawn.shape)


@dataclass(frozen=True)
class EveryOther(Regime):
    '''Human data in odd rounds, the last generation in even ones.'''

    def parts(self, history):
        part = human if history.round % 2 else last_generation
        return [part(history, history.n)]


def experiment():
    return grid("own", Bootstrap(0.1), Normal(30), [EveryOther()], range(2), n=30, generations=4)
"""


@pytest.fixture
def folder(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user stands, with a registry and its key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIRSTHAND_API_KEY", registry.api_key)
    return tmp_path


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_list_names_every_family_corpus_and_regime_with_its_settings() -> None:
    listed = json.loads(simulate("list", "--json").stdout)
    names = {(entry["kind"], entry["name"]) for entry in listed}
    assert {("family", "gmm"), ("data", "digits"), ("regime", "accumulate-subsample")} <= names
    assert all(entry["help"] for entry in listed)
    assert next(entry["settings"] for entry in listed if entry["name"] == "preserve") == ["share=0.1"]
    assert "preserve" in simulate("list").stdout


@pytest.mark.parametrize("command", ["run", "resume", "report", "demo"])
def test_help_teaches_by_example(command: str) -> None:
    assert f"firsthand simulate {command}" in simulate(command, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--regime", "replaec"], "'replaec' is not a known name: write one of replace"),
        (["run", "--regime", "preserve:1.5"], "share is 1.5: use a number from 0 to 1"),
        (["run", "--seeds", "0"], "seeds: 0 is not a number of seeds"),
        (["run", "--seeds", "-3"], "seeds: -3 is not a number of seeds"),
        (["run", "--seeds", "1,-3"], "seed is -3: use 0 or more"),
        (["run", "absent.yaml"], "absent.yaml cannot be read"),
        (["run", "absent.py:experiment"], "there is no file"),
        (["run", "--data", "digits", "--n", "5000"], "1397 human items, and the run needs 5000"),
        (["run", "--device", "cuda"], "has no CUDA device: use --device cpu"),
        (["run", "--device", "abacus"], "'abacus' is not a device"),
        (["resume", "nowhere"], "nowhere has no run"),
        (["report", "nowhere"], "nowhere has no run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("folder")
def test_a_mistake_is_explained_in_a_line_and_the_status_is_1(
    arguments: list[str], words: str, registry: Registry
) -> None:
    result = simulate(*arguments, *(["--registry", registry.url] if arguments[0] == "run" else []))
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("def experiment(:", "SyntaxError: invalid syntax"),
        ("x = 1\nimport nowhere_to_be_found", "line 2: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def experiment():\n    return 1 / 0", "line 2: ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_mistake_in_a_users_own_file_is_reported_with_its_line(content: str, words: str) -> None:
    Path("wrong.py").write_text(content)
    result = simulate("run", "wrong.py:experiment")
    assert result.exit_code == 1
    assert "wrong.py" in result.stderr
    assert words in result.stderr


@pytest.mark.parametrize("seeds", ["1,x", "many", ",", "1,,2", "1.5"])
@pytest.mark.usefixtures("folder")
def test_seeds_that_are_none_are_a_usage_error(seeds: str) -> None:
    result = simulate("run", "--seeds", seeds)
    assert result.exit_code == 2
    assert "is not valid: write a number of seeds (5), or a list of seeds (3,7,11)" in " ".join(
        result.stderr.replace("│", " ").split()
    )


@pytest.mark.parametrize("command", ["run", "resume", "report", "list", "demo"])
def test_every_command_speaks_json(command: str) -> None:
    assert "--json" in simulate(command, "--help").stdout


def test_options_play_every_regime_under_every_seed_and_print_a_table(folder: Path, registry: Registry) -> None:
    arguments = ["--regime", "replace", "--regime", "human-only", "--seeds", "2", "--n", "20", "--generations", "2"]
    shared = ["--registry", registry.url, "--workers", "2"]
    first = simulate("run", *arguments, *shared, "--out", "out", "--json")
    assert first.exit_code == 0, first.output
    printed = json.loads(first.stdout)
    assert sorted((run["regime"], run["seed"]) for run in printed["runs"]) == [
        (regime, seed) for regime in ("human-only", "replace") for seed in (0, 1)
    ]
    variance = [cell for cell in printed["table"] if cell["metric"] == "variance" and cell["round"] == 2]
    assert all(cell["low"] < cell["mean"] < cell["high"] and cell["seeds"] == 2 for cell in variance)

    again = simulate("resume", "out", *shared[2:])
    assert again.exit_code == 0, again.output
    assert "human-only" in again.stdout
    assert "2 seeds" in again.stdout
    assert "already finished" in again.stderr
    assert not list(folder.glob("out/registry"))

    reported = json.loads(simulate("report", "out", "--out", "page.html", "--json").stdout)
    assert reported == {"runs": sorted(run["folder"] for run in printed["runs"]), "report": "page.html"}
    assert (folder / "page.html").exists()


@pytest.mark.usefixtures("folder")
def test_a_users_own_family_and_regime_run_from_the_users_own_file(registry: Registry) -> None:
    Path("mine.py").write_text(MINE)
    result = simulate("run", "mine.py:experiment", "--registry", registry.url, "--workers", "1", "--json")
    assert result.exit_code == 0, result.output
    played = [results.read(Path(run["folder"])) for run in json.loads(result.stdout)["runs"]]
    assert [run.regime for run in played] == ["mine.py:EveryOther"] * 2
    for run in played:
        assert [row["generation"] for row in run.rows] == [0, 1, 2, 1, 2]
        assert [row["mix"]["human"] for row in run.rows[1:]] == [30, 0, 30, 0]
        assert list(run.header["sources"]) == ["mine.py"]


@pytest.mark.usefixtures("folder")
def test_one_run_that_fails_is_named_and_the_others_are_played(registry: Registry) -> None:
    text = MINE.replace("rng.integers(len(self.items)", "rng.integers(0 if self.noise < 0 else len(self.items)")
    more = "\n\n".join(f"{name} = experiment().runs[0]" for name in ("good",))
    Path("mine.py").write_text(f"{text}\n\n{more}\nimport dataclasses\n"
        "both = [good, dataclasses.replace(good, family=Bootstrap(-1.0))]\n")  # fmt: skip
    result = simulate("run", "mine.py:both", "--registry", registry.url, "--workers", "1")
    assert result.exit_code == 1
    assert result.stderr.count("failed:") == 1
    (details,) = Path("runs/both").glob("*/error.txt")
    assert "mine.py" in details.read_text()
    assert "simulate resume" in result.stderr
    assert len([run for run in Path("runs/both").iterdir() if results.read(run).finished]) == 1


@pytest.mark.usefixtures("folder")
def test_an_unreachable_registry_is_reported() -> None:
    result = simulate("run", "--n", "5", "--registry", "http://127.0.0.1:9", "--workers", "1")
    assert result.exit_code == 1
    assert "No registry answers at http://127.0.0.1:9" in result.stderr


@pytest.mark.usefixtures("folder")
def test_the_smallest_demo_prints_a_table_and_writes_a_report() -> None:
    result = simulate("demo", "--smallest")
    assert result.exit_code == 0, result.output
    for word in ("replace", "preserve:0.1", "accumulate", "human-only", "held_out_nll", "recall"):
        assert word in result.stdout
    assert Path("demo/report.html").read_text().startswith("<!doctype html>")
    assert len(list(Path("demo").glob("*/results.jsonl"))) == 8

    printed = json.loads(simulate("demo", "--smallest", "--json").stdout)
    assert printed["report"] == "demo/report.html"
    assert {cell["metric"] for cell in printed["table"]} == set(demo.METRICS)


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
def test_ctrl_c_stops_everything_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = ["run", "--family", "gmm", "--data", "digits", "--generations", "500", "--out", "out"]
    running = subprocess.Popen(
        [sys.executable, "-m", "firsthand", "simulate", *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: any(tmp_path.glob("out/*/state.json")), "a round is saved")
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 130
    assert "firsthand simulate resume" in errors
    assert "Traceback" not in errors


@pytest.mark.usefixtures("folder")
def test_the_experiments_on_the_page_of_the_simulator_are_what_they_say() -> None:
    page = (Path(simulator.__file__).parents[1] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")
    (yaml,) = re.findall(r"```yaml.*?\n(.*?)```", page, re.DOTALL)
    (python,) = re.findall(r"```python.*?\n(.*?)```", page, re.DOTALL)
    Path("digits.yaml").write_text(yaml)
    Path("mine.py").write_text(python)
    assert len(options.read("digits.yaml", {}).runs) == 30
    assert len(options.read("mine.py:experiment", {}).runs) == 5


@pytest.mark.usefixtures("folder")
def test_the_demo_shows_the_collapse_and_that_human_data_prevents_it() -> None:
    """At generation 10, by 95 % intervals over its seeds: likelihood and recall are ordered, replace stands alone."""
    printed = json.loads(simulate("demo", "--json").stdout)
    last = {
        (cell["metric"], cell["regime"]): (cell["low"], cell["high"])
        for cell in printed["table"]
        if cell["round"] == demo.FULL.generations
    }
    for cell in printed["table"]:
        if cell["round"] == demo.FULL.generations and cell["metric"] in ("held_out_nll", "recall"):
            print(f"{cell['metric']:14}{cell['regime']:14}{cell['low']:9.3f} … {cell['high']:.3f}")
    surprise = {regime: last["held_out_nll", regime] for regime in demo.REGIMES}
    assert surprise["replace"][0] > surprise["preserve:0.1"][1]
    assert surprise["preserve:0.1"][0] > max(surprise["accumulate"][1], surprise["human-only"][1])
    recall = {regime: last["recall", regime] for regime in demo.REGIMES}
    assert recall["replace"][1] < recall["preserve:0.1"][0]
    assert recall["preserve:0.1"][1] < min(recall["accumulate"][0], recall["human-only"][0])
