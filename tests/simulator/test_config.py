"""Runs as frozen values: their ids, their JSON, and the ways a user writes them down."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from simulator import names, options
from simulator.config import Experiment, Run, decode, encode, grid, sources
from simulator.data.corpora import Blobs, Digits, Normal
from simulator.data.images import Idx
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.families.vae import VAE
from simulator.regimes import Accumulate, HumanOnly, Preserve, Replace, RunHistory

RUN = Run(Gaussian(), Normal(100), Preserve(0.1), n=100, generations=3)

MINE = """
from dataclasses import dataclass

from simulator.config import Experiment, Run, grid
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import HumanOnly, Regime, human


@dataclass(frozen=True)
class Half(Regime):
    '''half as many items'''

    less: int = 0

    def parts(self, history):
        return [human(history, history.n // 2 - self.less)]


run = Run(Gaussian(), Normal(10), Half(), n=10, generations=2)
runs = [run, Run(Gaussian(), Normal(10), HumanOnly(), n=10, generations=2)]
nothing = 7


def experiment():
    return grid("own", Gaussian(), Normal(10), [Half(1)], range(3), n=10, generations=2)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own file in the folder where the command is run."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


def test_an_id_is_the_hash_of_the_configurations_canonical_bytes() -> None:
    assert RUN.id == hashlib.sha256(rfc8785.dumps(encode(RUN))).hexdigest()[:16]


def test_ids_do_not_change_between_versions_unless_settings_do() -> None:
    """A literal, so that a change of the encoding is noticed: it would orphan everybody's runs."""
    assert Run(Gaussian(), Normal(100), Replace(), n=100, generations=3).id == "483932f0df23bd26"


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"n": 99}, {"generations": 4}, {"chains": 2}, {"human": 50}, {"regime": Preserve(0.2)}],
    ids=str,
)
def test_every_field_is_part_of_the_id(change: dict[str, Any]) -> None:
    assert dataclasses.replace(RUN, **change).id != RUN.id


@pytest.mark.parametrize("family", [Gaussian("unbiased"), GMM(3, tolerance=1e-5)], ids=str)
@pytest.mark.parametrize("corpus", [Normal(20, std=2.0), Blobs(blobs=2), Digits(8)], ids=str)
def test_a_configuration_read_back_is_the_same_run(family: Gaussian | GMM, corpus: Normal | Blobs | Digits) -> None:
    run = Run(family, corpus, Preserve(0.25), n=7, generations=2, human=9)
    assert decode(json.loads(json.dumps(encode(run)))) == run


@pytest.mark.parametrize("field", ["n", "generations", "chains", "human"])
def test_a_run_of_nothing_is_refused(field: str) -> None:
    nothing: dict[str, Any] = {field: 0}
    with pytest.raises(ValueError, match=f"^{field} is 0: use 1 or more"):
        dataclasses.replace(RUN, **nothing)


def test_an_experiment_refuses_the_same_run_twice() -> None:
    with pytest.raises(ValueError, match="same run twice"):
        Experiment("twice", (RUN, RUN))


def test_a_grid_plays_every_regime_under_every_seed() -> None:
    runs = grid("g", Gaussian(), Normal(5), [Replace(), Accumulate()], range(3), n=5, generations=1).runs
    assert [(run.seed, type(run.regime)) for run in runs] == [(s, r) for s in range(3) for r in (Replace, Accumulate)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("replace", Replace()),
        ("replace:75", Replace(75)),
        ("preserve", Preserve()),
        ("preserve:0.25", Preserve(0.25)),
        ("preserve:share=0.25", Preserve(0.25)),
        ("simulator.regimes:Preserve:0.25", Preserve(0.25)),
        ("human-only", HumanOnly()),
    ],
)
def test_a_regime_is_typed_as_a_name_and_its_settings(text: str, value: object) -> None:
    assert names.parse(text, names.REGIMES) == value


@pytest.mark.parametrize(
    "value",
    [
        Replace(),
        Replace(75),
        Preserve(0.25),
        GMM(5, restarts=2),
        Gaussian(),
        Normal(7),
        Digits(),
        VAE("paper"),
        Idx("scans"),
    ],
    ids=str,
)
def test_a_label_is_what_one_types_to_get_it_again(value: object) -> None:
    assert names.parse(names.label(value), names.FAMILIES | names.CORPORA | names.REGIMES) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "is not a known name: write one of replace"),
        ("preserve:much", "use a number"),
        ("preserve:2", "share is 2: use a number from 0 to 1"),
        ("preserve:part=0.1", "no setting 'part': correct its name, or remove it. The settings of Preserve are: share"),
        ("preserve:0.1,0.2", "has too many settings"),
        ("human-only:1", "The settings of HumanOnly are: none"),
        ("absent.py:Thing", "no file"),
        ("simulator.absent:Thing", "cannot be imported"),
        ("simulator.regimes:Absent", "does not define 'Absent'"),
        ("preserve:[", "'preserve:[' has a setting with the value '[', which cannot be read: write a number"),
        ("simulator.regimes:human", "human is not a frozen dataclass"),
    ],
)
def test_what_cannot_be_understood_is_explained(text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        names.parse(text, names.REGIMES)
    assert words in options.explain(caught.value)


@pytest.mark.usefixtures("mine")
def test_a_users_own_regime_is_named_by_its_file_and_found_again() -> None:
    (run, _) = options.read("mine.py:runs", {}).runs
    digest = hashlib.sha256(Path("mine.py").read_bytes()).hexdigest()
    assert encode(run)["regime"] == {"type": "mine.py:Half", "file_sha256": digest, "less": 0}
    assert decode(encode(run)) == run
    half: Any = run.regime
    assert names.parse("mine.py:Half:2", names.REGIMES) == dataclasses.replace(half, less=2)


def test_the_files_that_a_run_depends_on_are_recorded_with_their_digests(mine: Path) -> None:
    run = options.read("mine.py:run", {}).runs[0]
    assert sources(encode(run)) == {"mine.py": hashlib.sha256(mine.read_bytes()).hexdigest()}
    assert sources(encode(RUN)) == {}


def test_a_run_whose_file_was_edited_is_refused_and_names_the_file(mine: Path, tmp_path: Path) -> None:
    config = encode(options.read("mine.py:run", {}).runs[0])
    edited = tmp_path / "edited"
    edited.mkdir()
    (edited / "mine.py").write_text(mine.read_text() + "# edited\n")
    with pytest.raises(ValueError, match=r"mine\.py has changed since this run was started.*in a new folder"):
        decode(config, edited)
    assert options.read("edited/mine.py:run", {}).runs[0].id != decode(config).id


def test_each_class_of_ours_has_one_name_and_each_name_one_class() -> None:
    tables = (names.FAMILIES, names.CORPORA, names.REGIMES, names.WORLDS)
    assert len(names.NAMES) == sum(map(len, tables))
    for name in names.NAMES:
        assert names.reference(names.resolve(name)) == name


def test_a_class_of_ours_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="RunHistory has no short name"):
        names.reference(RunHistory)


def test_a_configuration_holds_no_import_path() -> None:
    assert encode(RUN)["family"]["type"] == "gaussian"
    assert "simulator" not in json.dumps(encode(RUN))


def test_a_configuration_of_an_earlier_version_is_refused_by_name() -> None:
    earlier = encode(RUN) | {"family": {"type": "simulator.families.gaussian:Gaussian", "estimator": "mle"}}
    with pytest.raises(ValueError, match=r"simulator\.families\.gaussian:Gaussian by its import path.*new folder"):
        decode(earlier)


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(("name", "runs"), [("run", 1), ("runs", 2), ("experiment", 3)])
def test_an_experiment_is_a_run_a_list_or_a_function_in_a_users_file(name: str, runs: int) -> None:
    assert len(options.read(f"mine.py:{name}", {}).runs) == runs


@pytest.mark.usefixtures("mine")
def test_what_is_no_experiment_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'nothing' is of type int"):
        options.read("mine.py:nothing", {})


@pytest.mark.usefixtures("mine")
def test_a_users_file_says_everything_itself() -> None:
    with pytest.raises(ValueError, match="leave out --n"):
        options.read("mine.py:run", {"n": 5})


def test_yaml_and_options_give_the_same_experiment_and_options_come_first(tmp_path: Path) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text("family: gmm:components=3\ndata: blobs\nregimes: [replace, 'fresh:0.2']\nseeds: [4, 9]\nn: 50\n")
    chosen = {"family": "gmm:components=3", "data": "blobs", "regimes": ["replace", "fresh:0.2"], "seeds": [4, 9]}
    experiment = options.read(str(file), {"generations": 2})
    assert experiment.name == "trial"
    assert experiment.runs == options.read(None, {**chosen, "n": 50, "generations": 2}).runs
    assert {run.generations for run in experiment.runs} == {2}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("generation: 3", "generation: there is no such field"),
        ("n: none", "n 'none': use a whole number"),
        ("- 1", "no options"),
        ("a: [", "is not valid YAML in line 1, column 5"),
    ],
)
def test_a_wrong_yaml_file_names_the_field(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(content)
    with pytest.raises(ValueError) as caught:
        options.read(str(file), {})
    assert words in options.explain(caught.value)


def test_a_corpus_without_a_size_of_its_own_has_as_many_items_as_the_run_wants() -> None:
    assert options.read(None, {"n": 30}).runs[0].corpus == Normal(30)
    assert options.read(None, {"n": 30, "human": 90}).runs[0].corpus == Normal(90)
    assert options.read(None, {"n": 30, "data": "normal:n=40"}).runs[0].corpus == Normal(40)


@pytest.mark.parametrize("config", [{}, {"family": {"no": "type"}}])
def test_what_is_no_configuration_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="this is not the configuration of a run"):
        decode(config)


def test_a_value_that_is_not_plain_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be a setting"):
        encode({1, 2})
