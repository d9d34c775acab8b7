"""Tests of the naming check: each rule reports the faults that break it, and no others."""

import ast
import subprocess
from pathlib import Path

import pytest

from tests import check_names
from tests.check_names import PACKAGES, VAGUE, check_commits, check_sources, collect_names, is_module, long_subjects

ROOT = Path(__file__).parent.parent


def faults_of(source: str, path: str = "service/example.py") -> list[str]:
    """Return the faults of one small file, as they are printed."""
    return [str(fault) for fault in check_sources({path: source.encode()}, lambda name: is_module(name, ROOT))]


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "found, claims = 1, 2",
        "first, *found = [1, 2]",
        "found: int = 1",
        "found += 1",
        "for found in range(3): pass",
        "claims = [1 for found in range(3)]",
        "claims = {found: 1 for found in range(3)}",
        "with open('file') as found: pass",
        "with open('file') as (claims, found): pass",
        "try: pass\nexcept OSError as found: pass",
        "if (found := 1): pass",
        "import os as found",
        "from os import path as found",
        "match 1:\n    case found: pass",
        "match 1:\n    case int() as found: pass",
        "match [1]:\n    case [*found]: pass",
        "match {}:\n    case {**found}: pass",
        "match {}:\n    case {'a': [1, found]}: pass",
        "def count(found): pass",
        "def count(found, /): pass",
        "def count(*found): pass",
        "def count(*, found): pass",
        "def count(**found): pass",
        "async def count():\n    async for found in []: pass",
        "claims = lambda found: 1",
        "class Claims:\n    found: int",
        "class Claims:\n    found = 1",
        "def count():\n    def inner():\n        found = 1",
    ],
)
def test_a_vague_word_is_refused_wherever_a_variable_is_bound(source: str) -> None:
    (fault,) = faults_of(source)
    assert fault.startswith("service/example.py:")
    assert "vague variable name `found`: say what the value is" in fault


@pytest.mark.parametrize("word", VAGUE)
def test_each_vague_word_is_refused(word: str) -> None:
    assert len(faults_of(f"{word} = 1")) == 1


def test_a_vague_word_that_binds_no_variable_is_accepted() -> None:
    source = """
import os
def found(): return 1
class Claims:
    def left(self): return self.rest
claims = found() + Claims().left + os.found
claims.found = 3
count(found=3)
words = "found"
"""
    assert faults_of(source) == []


def test_the_line_of_the_variable_is_reported() -> None:
    (fault,) = faults_of("claims = 1\n\nplace = 2\n")
    assert fault.startswith("service/example.py:3: ")


def test_the_second_class_of_one_name_is_reported_with_the_first() -> None:
    sources = {"firsthand/a.py": b"class Ledger: pass", "service/b.py": b"\nclass Ledger: pass\nclass Other: pass"}
    (fault,) = check_sources(sources, lambda name: False)
    assert str(fault) == "service/b.py:2: class `Ledger` is also defined in firsthand/a.py:1: rename this class"


@pytest.mark.parametrize("inner", ["class Outer:\n    class Ledger: pass", "def make():\n    class Ledger: pass"])
def test_nested_classes_count(inner: str) -> None:
    sources = {"firsthand/a.py": b"class Ledger: pass", "tests/b.py": inner.encode()}
    (fault,) = check_sources(sources, lambda name: False)
    assert (fault.path, fault.line) == ("tests/b.py", 2)


def test_a_class_twice_in_one_file_is_reported() -> None:
    (fault,) = faults_of("class Ledger: pass\nclass Ledger: pass")
    assert "class `Ledger` is also defined in service/example.py:1" in fault


def test_an_allowed_duplicate_passes_and_an_unused_exception_does_not() -> None:
    twice, once = {"a.py": b"class Ledger: pass\nclass Ledger: pass"}, {"a.py": b"class Ledger: pass"}
    assert check_sources(twice, lambda name: False, ["Ledger"]) == []
    (fault,) = check_sources(once, lambda name: False, ["Ledger"])
    assert "class `Ledger` is not defined twice: remove it" in str(fault)


@pytest.mark.parametrize(
    "source",
    [
        "import time\ndef wait(time): pass",
        "import time\ndef wait():\n    time = 1",
        "import time\nwaits = [time for time in range(3)]",
        "import time\nwait = lambda time: 1",
        "import numpy as time\ndef wait(time): pass",
        "import time.clock\ndef wait(time): pass",
        "def wait(time): pass\ndef later():\n    import time",
        "from firsthand.core import digests as time\ndef wait(time): pass",
        "from firsthand import core as time\ndef wait(time): pass",
        "from concurrent import futures as time\ndef wait(time): pass",
        "from . import app as time\ndef wait(time): pass",
        "from .storage import tables as time\ndef wait(time): pass",
        "import time\nclass Wait:\n    def wait(self, time): pass",
    ],
)
def test_a_local_variable_must_not_hide_an_imported_module(source: str) -> None:
    (fault,) = faults_of(source)
    assert "`time` hides the module imported on line" in fault


@pytest.mark.parametrize(
    "source",
    [
        "from time import time\ndef wait():\n    time = 1",
        "from firsthand.core.digests import sha256 as time\ndef wait(time): pass",
        "try: import time\nexcept ImportError: time = None",
        "import time\nclass Wait:\n    time: int",
        "import time.clock as clock\ndef wait(time): pass",
        "def wait(time): pass",
        "def wait():\n    import time",
    ],
)
def test_what_hides_no_module_is_accepted(source: str) -> None:
    assert faults_of(source) == []


def test_a_subject_of_73_characters_is_reported() -> None:
    (fault,) = long_subjects([f"abc1234 {'x' * 72}", f"def5678 {'x' * 73}"])
    assert str(fault).startswith("commit def5678:1: subject of 73 characters: shorten it to 72")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits. Only the second subject is checked, and it is too long."""
    for command in (["init", "--quiet"], ["commit", "-m", "x" * 90], ["commit", "-m", "y" * 80]):
        _git(tmp_path, *command)
    return tmp_path


def _git(folder: Path, command: str, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    options = ("--quiet", "--allow-empty") if command == "commit" else ()
    result = subprocess.run(
        ["git", *identity, command, *options, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return result.stdout.strip()


def test_commits_after_the_first_are_checked(repository: Path) -> None:
    first = _git(repository, "rev-parse", "HEAD~1")
    (fault,), skipped = check_commits(repository, first)
    assert "subject of 80 characters" in fault.message
    assert skipped == ""


def test_commits_are_skipped_with_a_reason_if_the_first_is_not_in_the_history(repository: Path) -> None:
    faults, skipped = check_commits(repository, "0" * 40)
    assert faults == []
    assert "commit 0000000 is not in the history here" in skipped


def test_commits_are_skipped_with_a_reason_without_git(tmp_path: Path) -> None:
    assert check_commits(tmp_path) == ([], "this copy has no .git")


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A tree with one fault in firsthand/ and two in service/. One of the two is a class name of firsthand/."""
    (tmp_path / "pyproject.toml").touch()
    for folder, source in (
        ("firsthand", "class Ledger: pass\nfound = 1\n"),
        ("service", "class Ledger: pass\nplace = 1\n"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "module.py").write_text(source)
    return tmp_path


def test_a_folder_is_checked_against_the_classes_of_the_whole_tree(
    small_tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_names.main([str(small_tree / "service")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == ["service/module.py:1", "service/module.py:2"]
    assert lines[2:] == ["commit subjects are not checked: this copy has no .git", "2 naming faults"]


def test_without_faults_the_exit_status_is_0(small_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for module in small_tree.glob("*/module.py"):
        module.write_text("claims = 1\n")
    assert check_names.main([str(small_tree / "firsthand")]) == 0
    assert "names are fine in 1 files" in capsys.readouterr().out


def test_a_path_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        check_names.main(["no/such/folder"])
    assert stop.value.code == 2
    assert "no/such/folder does not exist" in capsys.readouterr().err


def test_every_package_of_the_repository_is_checked() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")} | {"migrations"}
    assert packages <= set(PACKAGES)


def test_names_are_collected_from_every_kind_of_syntax() -> None:
    names = collect_names(ast.parse("import os\nclass A:\n    b = 1\nc = [d for d in ()]"))
    assert {(name, local) for name, _, local in names.variables} == {("b", False), ("c", False), ("d", True)}
    assert names.classes == [("A", 2)]
    assert len(names.imports) == 1
