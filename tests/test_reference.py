"""The reference pages say what the code does: generated parts are up to date, and lists are complete."""

import re
from pathlib import Path

import pytest

from docs.tooling import generate
from firsthand.sources import is_packed_text, table_of

ROOT = Path(__file__).parents[1]
FORMATS = (ROOT / "docs" / "reference" / "file-formats.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_generated_parts_are_up_to_date() -> None:
    outdated = [page.relative_to(ROOT).as_posix() for page in generate.outdated()]
    assert not outdated, "run: python -m docs.tooling.generate"


def test_every_variable_that_the_code_reads_is_on_the_page_of_settings() -> None:
    page = set(re.findall(r"FIRSTHAND_[A-Z_]+", (ROOT / "docs" / "reference" / "settings.md").read_text()))
    sources = [path for package in ("firsthand", "service", "simulator") for path in (ROOT / package).rglob("*.py")]
    read = set(re.findall(r"""["'](FIRSTHAND_[A-Z_]+)["']""", "".join(path.read_text() for path in sources)))
    assert read <= page
    assert page - read <= {f"FIRSTHAND_{name.upper()}" for name in generate.Settings.model_fields} | {
        "FIRSTHAND_TEST_POSTGRES_URL"
    }


def _rows_of_formats() -> list[tuple[str, str]]:
    """Each name's end in the first table of the page, with the compressed forms of its row."""
    table = FORMATS.split("|---|", 1)[1].split("\n\n", 1)[0]
    rows = [line.split("|")[1:3] for line in table.split("\n")[1:]]
    return [(suffix, compressed) for names, compressed in rows for suffix in re.findall(r"`(\.[^`]+)`", names)]


@pytest.mark.parametrize(("suffix", "compressed"), _rows_of_formats())
def test_a_file_is_read_as_the_page_of_formats_says(suffix: str, compressed: str) -> None:
    compressions = re.findall(r"`(\.[^`]+)`", compressed)
    is_text = suffix in (".txt", ".text", ".md", ".html", ".htm")
    assert (table_of(Path(f"x{suffix}")) is None) == is_text
    for compression in (".gz", ".zst"):
        path = Path(f"x{suffix}{compression}")
        assert (table_of(path) is not None or is_packed_text(path)) == (compression in compressions)


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
