"""The commands of README.md and of docs/, run as a reader types them. `tests/pages.py` says how fences are read.

A page that does not run is a page that nobody can follow, so every page with a runnable fence is run, and README.md and
the tutorial hold no block that is skipped.
"""


import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from service.settings import Settings
from tests.conftest import create_database, database_at, drop_database
from tests.pages import EXAMPLE_DATABASE, MISSPELT, Block, BlockFailed, Page, blocks, differences, environment

ROOT = Path(__file__).parent.parent

README, TUTORIAL = "README.md", "docs/tutorial.md"


def pages() -> dict[str, list[Block]]:
    """The blocks of README.md and of every page of docs/, by path."""
    paths = [ROOT / README, *sorted((ROOT / "docs").rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): blocks(path.read_text(encoding="utf-8")) for path in paths}


PAGES = pages()
RUNNABLE = [path for path, page in PAGES.items() if any(block.runs for block in page)]


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder in which a page runs: for README.md a clone of the repository, else one with an activated `.venv`."""
    folder = tmp_path / "page"
    (tmp_path / "home").mkdir()
    if request.getfixturevalue("path") == README:
        kept_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "results", "runs", "demo", "tests")
        shutil.copytree(ROOT, folder, ignore=kept_out)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    else:
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    return folder


@pytest.fixture
def page_database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """An empty PostgreSQL database, for a page that names the example database."""
    if not any(EXAMPLE_DATABASE in block.code for block in PAGES[request.getfixturevalue("path")] if block.runs):
        yield None
        return
    server, name = request.getfixturevalue("postgresql"), f"page_{uuid4().hex[:12]}"
    create_database(server, name)
    yield database_at(server, name)
    drop_database(server, name)


@pytest.mark.slow
@pytest.mark.parametrize("path", RUNNABLE)
def test_a_page_runs_in_order_in_one_shell(path: str, folder: Path, page_database: str | None, tmp_path: Path) -> None:
    surroundings = environment(tmp_path / "home", python=tmp_path / "bin" if path == README else None)
    with Page(path, folder, surroundings, page_database) as page:
        for block in PAGES[path]:
            page.run(block)
    assert not page.differing, "\n\n".join(page.differing)


def test_skipped_blocks_have_a_reason_and_none_is_in_readme_or_tutorial() -> None:
    skipped = {path: [block for block in page if block.skip is not None] for path, page in PAGES.items()}
    for path, page in skipped.items():
        for block in page:
            print(f"skipped: {path}, line {block.line}: {block.skip}")
            assert block.skip
    assert skipped[README] == []
    assert skipped[TUTORIAL] == []


def test_no_fence_is_misspelt_so_that_it_does_not_run() -> None:
    assert [(path, block.line) for path, page in PAGES.items() for block in page if block.language in MISSPELT] == []


def test_every_setting_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"FIRSTHAND_{name.upper()}" not in reference] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, path


def test_every_file_that_the_readme_links_to_exists() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", (ROOT / README).read_text(encoding="utf-8"))
    assert len(linked) >= 6
    assert [name for name in linked if not (ROOT / name).exists()] == []


def test_the_readme_has_at_most_1200_words() -> None:
    assert words((ROOT / README).read_text(encoding="utf-8")) <= 1_200


def words(text: str) -> int:
    """Count the words of a page without its code blocks, its HTML comments and the addresses of its links."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"<!--.*?-->", "", prose, flags=re.DOTALL)
    return len(re.findall(r"\w[^\s|]*", re.sub(r"\]\([^)]*\)", "]", prose)))
