"""The command line as a whole: it teaches, it loads no more than it needs, and it is not led astray."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from firsthand.cli import app, commands
from firsthand.errors import FirsthandError
from firsthand.files.formats import FORMATS
from tests.firsthand.conftest import Firsthand

FIRSTHAND = Path(sys.executable).with_name("firsthand")


def every_command(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command of this package with the words that call it."""
    command = command or get_command(app)
    for name, inner in getattr(command, "commands", {}).items():
        if name not in commands.ELSEWHERE:
            yield (*words, name), inner
            yield from every_command(inner, (*words, name))


VERBS = [words for words, command in every_command() if not hasattr(command, "commands")]


@pytest.mark.slow
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_the_help_of_every_command_teaches_with_an_example_of_itself(alone: Firsthand, words: tuple[str, ...]) -> None:
    shown = alone(*words, "--help").out
    assert any(line.split()[: len(words) + 1] == ["firsthand", *words] for line in shown.splitlines())


@pytest.mark.slow
def test_every_command_speaks_json(alone: Firsthand) -> None:
    assert [words for words in VERBS if "--json" not in alone(*words, "--help").out] == []


@pytest.mark.slow
def test_help_lists_what_there_is_and_what_exit_statuses_mean(alone: Firsthand) -> None:
    shown = alone("--help").out
    everyday = ["login", "serve", "migrate", "register", "check", "filter", "simulate"]
    resources = ["dataset", "model", "item", "registration", "mix", "snapshot", "spool", "log", "organization", "key"]
    listed = [line.split()[1] for line in shown.splitlines() if line.startswith("│ ") and line[2].islower()]
    assert listed == [*everyday, *resources]
    for text in (shown, alone("check", "--help").out):
        words = " ".join(text.split())
        assert "0 success, 1 an error, 2 a wrong command line, 3 the condition is not met" in words


@pytest.mark.slow
def test_every_file_format_is_named_in_the_help_of_the_commands_that_read_files(alone: Firsthand) -> None:
    for command in ("register", "check", "filter"):
        words = alone(command, "--help").out
        assert [format.name for format in FORMATS if format.name not in words] == []


@pytest.mark.slow
def test_nothing_of_other_packages_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys\nfrom firsthand.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    )
    unwanted = ["service", "simulator", "torch", "sqlalchemy", "fastapi", "uvicorn", "pyarrow", "matplotlib"]
    ran = subprocess.run([sys.executable, "-c", code, *unwanted], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.fixture
def decoys(tmp_path: Path) -> Path:
    """A folder of the user's own, whose names are those of our packages."""
    for name in ("service", "simulator", "migrations"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('this is the user\\'s own')\n")
    (tmp_path / "text.txt").write_text("a text")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("command", [[str(FIRSTHAND)], [sys.executable, "-m", "firsthand"]], ids=["script", "module"])
@pytest.mark.parametrize(
    "words", [["check", "text.txt"], ["serve", "--help"], ["simulate", "--help"], ["migrate", "--help"]]
)
def test_folders_of_the_users_with_our_names_break_nothing(decoys: Path, command: list[str], words: list[str]) -> None:
    environment = {**os.environ, "FIRSTHAND_URL": "http://127.0.0.1:9", "FIRSTHAND_CONFIG_DIR": str(decoys)}
    ran = subprocess.run([*command, *words], cwd=decoys, env=environment, capture_output=True, text=True, check=False)
    assert "user's own" not in ran.stderr
    assert ran.returncode == (1 if words[0] == "check" else 0), ran.stderr
    assert "No registry answers" in ran.stderr or words[0] != "check"


@pytest.mark.slow
def test_a_clone_that_is_not_installed_runs_as_a_module(tmp_path: Path) -> None:
    """Its own folder is then the only place where the other packages are found."""
    root = Path(commands.__file__).resolve().parents[2]
    ran = subprocess.run(
        [sys.executable, "-m", "firsthand", "--version"], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("firsthand ")


@pytest.mark.parametrize(("name", "extra"), [("serve", "service"), ("migrate", "service"), ("simulate", "simulator")])
def test_a_command_that_the_wheel_does_not_hold_says_where_it_is(
    alone: Firsthand, monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    gone = EntryPoint(name, "not_in_the_wheel.cli:app", commands.GROUP)
    monkeypatch.setattr(commands, "entry_points", lambda **_: [gone])
    ran = alone(name, "--anything", status=1)
    assert f"pip install -e '.[{extra}]'" in ran.err
    assert "the module not_in_the_wheel is missing" in ran.err


def test_a_command_that_no_package_provides_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "entry_points", lambda **_: [])
    with pytest.raises(FirsthandError, match="no installed package provides it"):
        commands.load("serve")


def test_a_word_that_is_no_command_is_a_usage_error_with_the_nearest(alone: Firsthand) -> None:
    assert "Did you mean 'check'" in alone("chek", status=2).err


def test_an_error_goes_to_standard_error_and_leaves_standard_output_to_answers(
    alone: Firsthand, tmp_path: Path
) -> None:
    ran = alone("check", tmp_path / "nowhere [x]", "--json", status=1)
    assert ran.out == ""
    assert "nowhere [x] does not exist" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_words_are_completed_also_those_of_other_packages(shell: str) -> None:
    environment = {
        **os.environ,
        "_FIRSTHAND_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "firsthand s",
        "COMP_CWORD": "1",
    }
    environment |= {"_TYPER_COMPLETE_ARGS": "firsthand s", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ran = subprocess.run([FIRSTHAND], env=environment, capture_output=True, text=True, check=True)
    assert "serve" in ran.stdout
    assert "simulate" in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("mix", "show", ""),
        ("mix", "diff", " "),
        ("mix", "download", "", "--out", "mix.txt"),
        ("filter", ".", "--mix", "", "--out", "out"),
        ("snapshot", "show", ""),
        ("snapshot", "pull", "", "--out", "snapshot"),
        ("key", "create", ""),
        ("key", "revoke", ""),
        ("organization", "create", ""),
    ],
)
def test_an_empty_id_or_name_is_refused_before_a_request_is_sent(alone: Firsthand, words: tuple[str, ...]) -> None:
    """It is usually a shell variable that is not set. Its path would be the path of another call."""
    assert "the value is empty" in " ".join(alone(*words, status=2).err.replace("│", " ").split())


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("item", "show", ""),
        ("dataset", "create", ""),
        ("dataset", "show", ""),
        ("model", "create", ""),
        ("model", "show", ""),
        ("model", "create", "local/writer@1", "--trained-on", ""),
        ("register", ".", "--dataset", "", "--human"),
        ("register", ".", "--dataset", "local/texts", "--model", ""),
    ],
)
def test_an_empty_name_with_a_fixed_form_is_a_usage_error(alone: Firsthand, words: tuple[str, ...]) -> None:
    assert "''" in alone(*words, status=2).err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("key", "revoke"), ("key", "rotate"), ("mix", "show"), ("mix", "download", "--out", "x.txt"), ("mix", "diff"),
        ("snapshot", "pull", "--out", "x"),
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("id_", ["0123456789ab\n0123456789ab", "../keys", "0123456789AB"])
def test_an_id_of_another_form_is_a_usage_error_that_shows_the_right_one(
    alone: Firsthand, words: tuple[str, ...], id_: str
) -> None:
    message = " ".join(alone(*words, id_, status=2).err.replace("│", " ").split())
    assert "hexadecimal digits, such as '0123456789ab" in message
