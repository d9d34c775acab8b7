"""The reference pages agree with the code: generated parts are up to date, and lists are complete."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.tooling import generate
from firsthand.files import formats
from service.settings import Settings

ROOT = Path(__file__).parents[1]
FORMATS_PAGE = (ROOT / "docs" / "reference" / "file-formats.md").read_text(encoding="utf-8")
FOLDERS = "firsthand|service|simulator|migrations|benchmarks|tests|docs|results"


@pytest.mark.slow
def test_generated_parts_are_up_to_date() -> None:
    outdated = [page.relative_to(ROOT).as_posix() for page in generate.outdated()]
    assert not outdated, "run: python -m docs.tooling.generate"


def test_every_variable_that_the_code_reads_is_on_the_page_of_settings() -> None:
    page = set(re.findall(r"FIRSTHAND_[A-Z_]+", (ROOT / "docs" / "reference" / "settings.md").read_text()))
    sources = [path for package in ("firsthand", "service", "simulator") for path in (ROOT / package).rglob("*.py")]
    read = set(re.findall(r"""["'](FIRSTHAND_[A-Z_]+)["']""", "".join(path.read_text() for path in sources)))
    assert read <= page
    assert page - read <= {f"FIRSTHAND_{name.upper()}" for name in Settings.model_fields} | {
        "FIRSTHAND_TEST_POSTGRES_URL"
    }


def _rows_of_formats() -> list[tuple[str, str]]:
    """Return the suffixes in the first table of the page, each with the compressions of its row."""
    table = FORMATS_PAGE.split("|---|", 1)[1].split("\n\n", 1)[0]
    rows = [line.split("|")[1:3] for line in table.split("\n")[1:]]
    return [(suffix, compressed) for names, compressed in rows for suffix in re.findall(r"`(\.[^`]+)`", names)]


def test_the_page_of_formats_lists_every_format_with_its_compressions() -> None:
    listed = {suffix: set(re.findall(r"`(\.[^`]+)`", compressed)) for suffix, compressed in _rows_of_formats()}
    assert listed == {suffix: set(known.compressions) for known in formats.FORMATS for suffix in known.suffixes}


def _pages() -> list[Path]:
    """Return every page for readers, except the changelog, which names files that no longer exist."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    return [*top, ROOT / "service" / "README.md", ROOT / "simulator" / "README.md", *(ROOT / "docs").rglob("*.md")]


def test_every_file_that_a_page_names_exists() -> None:
    """Files that the examples of CONTRIBUTING.md add are exceptions."""
    examples = re.compile(r"avro|poisson|collection|YYYY")
    missing = [
        (page.relative_to(ROOT).as_posix(), name)
        for page in _pages()
        for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", page.read_text(encoding="utf-8"))
        if not examples.search(name) and not (ROOT / name).exists() and not name.startswith("results/NAME")
    ]
    assert not missing


def test_every_link_of_a_page_outside_of_the_site_leads_to_a_file() -> None:
    """A separate check tests the pages of the site, including anchors."""
    for page in _pages()[:5]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def test_every_module_that_a_page_runs_exists() -> None:
    for page in _pages():
        for module in re.findall(rf"python -m ((?:{FOLDERS})[\w.]*)", page.read_text(encoding="utf-8")):
            assert find_spec(module), (page.name, module)


def test_every_decision_has_all_its_parts() -> None:
    for number, page in enumerate(sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")), 1):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {number:04}. "), page
        assert page.name.startswith(f"{number:04}-")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Alternatives", "Check"], page


def test_every_test_that_a_decision_names_exists() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        text = page.read_text(encoding="utf-8")
        files = re.findall(r"`(tests/[\w/]+\.py)`", text)
        sources = "".join((ROOT / file).read_text(encoding="utf-8") for file in files)
        missing = [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in sources]
        assert not missing, (page.name, missing)
