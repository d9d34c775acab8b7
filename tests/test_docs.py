"""Tests that run the commands of README.md and docs/ as a reader would type them. See `tests/pages.py` for the fences.

Readers cannot follow a page whose commands fail. Therefore the tests run every page that has commands. README.md and
the tutorial must not have skipped blocks.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from service.http.metrics import Metrics
from service.http.middleware import ObserveRequests
from service.settings import Settings
from tests.conftest import create_database, database_at, drop_database
from tests.pages import (
    EXAMPLE_DATABASE,
    MISSPELT,
    ROOT,
    Block,
    BlockFailed,
    DocumentPage,
    blocks,
    differences,
    environment,
    pages,
    skipped,
    with_output,
)

README, TUTORIAL = "README.md", "docs/tutorial.md"


PAGES = pages()
RUNNABLE = [path for path, page in PAGES.items() if any(block.runs for block in page)]


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder in which a page runs: a clone of the repository for README.md, otherwise a folder with a `.venv`."""
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
    """The address of an empty PostgreSQL database if the page uses the example database, otherwise None."""
    if not any(EXAMPLE_DATABASE in block.code for block in PAGES[request.getfixturevalue("path")] if block.runs):
        yield None
        return
    server, name = request.getfixturevalue("postgresql"), f"page_{uuid4().hex[:12]}"
    create_database(server, name)
    yield database_at(server, name)
    drop_database(server, name)


def a_page(tmp_path: Path) -> DocumentPage:
    """A page without a file, in its own folder."""
    return DocumentPage("page.md", tmp_path / "page", environment(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("path", RUNNABLE)
def test_a_page_runs_in_order_in_one_shell(path: str, folder: Path, page_database: str | None, tmp_path: Path) -> None:
    surroundings = environment(tmp_path / "home", python=tmp_path / "bin" if path == README else None)
    with DocumentPage(path, folder, surroundings, page_database) as page:
        for block in PAGES[path]:
            try:
                page.run(block)
            except BlockFailed as failure:
                pytest.fail(str(failure), pytrace=False)
    if "UPDATE_DOCS" in os.environ:
        text = (ROOT / path).read_text(encoding="utf-8")
        for block, printed in reversed(page.outdated):  # from the end: the lines above keep their numbers
            text = with_output(text, block, printed)
        (ROOT / path).write_text(text, encoding="utf-8")
    if page.differing:
        pytest.fail("\n\n".join(page.differing), pytrace=False)


def test_exports_variables_and_the_folder_stay_from_block_to_block(tmp_path: Path) -> None:
    with a_page(tmp_path) as page:
        page.run(Block("sh", "export exported=1; local=2; mkdir inner; cd inner\n", 1))
        page.run(Block("python", "# saved.py\nprint('saved')\n", 2))
        assert (
            page.run(Block("sh", 'echo "$exported $local $(basename "$PWD")"; python saved.py\n', 3))
            == "1 2 inner\nsaved\n"
        )
        assert page.run(Block("sh", "true\n", 4, {"terminal": "2"})) == ""
        assert page.run(Block("sh", 'echo "${exported-unset}"\n', 5, {"terminal": "2"})) == "unset\n"


@pytest.mark.parametrize("terminal", ["1", "2"])
@pytest.mark.parametrize(
    "code", ["false; echo on", "false | true\n", "true && false\n", "exit 3\n", "echo ${unset?}\n"]
)
def test_a_command_that_fails_fails_its_block(code: str, terminal: str, tmp_path: Path) -> None:
    with a_page(tmp_path) as page, pytest.raises(BlockFailed, match="exit status"):
        page.run(Block("sh", code, 1, {"terminal": terminal}))


def test_a_warning_in_a_block_of_python_fails_it(tmp_path: Path) -> None:
    with a_page(tmp_path) as page, pytest.raises(BlockFailed, match="DeprecationWarning: old"):
        page.run(Block("python", "import warnings\nwarnings.warn('old', DeprecationWarning)\n", 1))


def test_outputs_are_compared_and_written_anew(tmp_path: Path) -> None:
    text = "```sh\necho a 1\necho b\n```\n\n```output\na …\nc\n```\n"
    command, output = blocks(text)
    with a_page(tmp_path) as page:
        page.run(command)
        page.run(output)
    assert " a …\n-c\n+b" in page.differing[0]
    assert with_output(text, *page.outdated[0]) == text.replace("\nc\n", "\nb\n")


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        ("a\n", "a  \n", True),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
        ("id …, of a\n", "id 12, of a\n", True),
        ("id …, of a\n", "id 12\n, of a\n", False),
        ("…            a\n", "0f3a  a\n", True),
        ("…\nb\n", "b\n", True),
        ("…\nb\n", "a\na\nb\n", True),
        ("a\n…\n", "a\n", True),
        ("a\n…\nb\n", "a\nx\ny\nb\n", True),
        ("a\n…\nb\n", "a\nb\n", True),
        ("a\n…\nb\n", "a\nx\n", False),
    ],
)
def test_an_ellipsis_stands_for_text_in_a_line_or_for_lines(expected: str, printed: str, fits: bool) -> None:
    assert (differences(expected, printed) == "") is fits


def test_an_attribute_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown attribute"):
        blocks('```sh skipped="needs Docker"\ntrue\n```\n')


def test_skipped_blocks_have_a_reason_and_none_is_in_readme_or_tutorial() -> None:
    """The summary of the test run lists the skipped blocks, see `pytest_terminal_summary`."""
    assert all(block.skip for _, block in skipped())
    assert not {path for path, _ in skipped()} & {README, TUTORIAL}


def test_the_tutorial_installs_as_the_readme_does_where_it_runs() -> None:
    (install,) = [block.code for block in PAGES[README] if "pip install" in block.code and block.runs]
    assert install in [block.code for block in PAGES[TUTORIAL]]


def test_no_fence_is_misspelt_so_that_it_does_not_run() -> None:
    assert [(path, block.line) for path, page in PAGES.items() for block in page if block.language in MISSPELT] == []


def test_the_grafana_dashboard_asks_for_metrics_and_labels_that_the_service_has() -> None:
    async def answer(request: Request, error: Exception) -> Response:
        return Response(status_code=500)

    metrics = Metrics()
    client = TestClient(ObserveRequests(Starlette(), metrics, answer))
    client.get("/v1/items/0")
    metrics.items.labels("registrations").inc()
    exposed = metrics.exposition().decode()
    dashboard = json.loads((ROOT / "docs" / "how-to" / "grafana-dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) >= 8
    for query in queries:
        for name in re.findall(r"firsthand_\w+", query):
            samples = re.findall(rf"^{name}\{{(.*)\}}", exposed, re.MULTILINE)
            assert samples, name
            labels = set(re.findall(r"(\w+)=\"", samples[0]))
            compared = re.findall(r"(\w+)[!=]~?\"", query)
            grouped = re.findall(r"\w+", " ".join(re.findall(r"by \((.*?)\)", query)))
            assert {*compared, *grouped} <= labels, query


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
    """Return the number of words of a page, without code blocks, HTML comments and the addresses of links."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"<!--.*?-->", "", prose, flags=re.DOTALL)
    return len(re.findall(r"\w[^\s|]*", re.sub(r"\]\([^)]*\)", "]", prose)))
