"""The documentation site builds in strict mode, all its links have targets, and it loads nothing from other hosts."""

import re
from pathlib import Path

import pytest

from docs.tooling import build, check_site
from docs.tooling.fences import FenceAttributeError, fence_title


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from the current pages."""
    return build.build(build.copy_sources(tmp_path_factory.mktemp("site")))


@pytest.mark.slow
def test_every_link_and_anchor_leads_somewhere_and_nothing_is_loaded_from_another_host(site: Path) -> None:
    assert list(check_site.problems(site)) == []


@pytest.mark.slow
def test_every_page_is_in_the_navigation(site: Path) -> None:
    navigation = (build.ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = {path.relative_to(build.ROOT / "docs").as_posix() for path in (build.ROOT / "docs").rglob("*.md")}
    assert pages == set(re.findall(r'"([^"]+\.md)"', navigation))
    assert all((site / page).with_suffix(".html").is_file() for page in pages)


@pytest.mark.slow
def test_tools_of_the_site_are_not_published(site: Path) -> None:
    assert not (site / "tooling").exists()


def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<h2 id="here"></h2><a href="#here">y</a><a href="#gone">n</a><a href="gone.html">n</a><a href="x.html#a">n</a>'
        '<a href="https://example.org/">y</a><img src="gone.svg">'
    )
    (tmp_path / "x.html").write_text('<p id="b">')
    assert list(check_site.problems(tmp_path)) == [
        "index.html: gone.svg leads to no file",
        "index.html: #gone leads to no anchor",
        "index.html: gone.html leads to no file",
        "index.html: x.html#a leads to no anchor",
    ]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://cdn.example.org/x.css">',
        '<link rel="preload" as="font" href="//cdn.example.org/x.woff2">',
        '<link rel="icon" href="https://cdn.example.org/x.png">',
        '<img src="https://cdn.example.org/x.png">',
        '<img srcset="https://cdn.example.org/x.png 2x">',
        '<svg><image href="https://cdn.example.org/x.png"/></svg>',
        '<p style="background: url(https://cdn.example.org/x.png)">',
    ],
)
def test_what_a_page_loads_from_another_host_is_reported(html: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(html)
    (problem,) = check_site.problems(tmp_path)
    assert problem.endswith("from another host")


@pytest.mark.parametrize(
    "css", ["@font-face {src: url('https://cdn.example.org/x')}", '@import "//cdn.example.org/x";']
)
def test_what_a_style_sheet_loads_from_another_host_is_reported(css: str, tmp_path: Path) -> None:
    (tmp_path / "site.css").write_text(css)
    assert len(list(check_site.problems(tmp_path))) == 1


@pytest.mark.parametrize(
    ("language", "attributes", "title"),
    [
        ("sh", "", None),
        ("sh", "terminal=2", "Terminal 2"),
        ("sh", 'skip="needs Docker"', "Not run by the tests: needs Docker"),
        ("sh", 'terminal=2 skip="needs a browser"', "Terminal 2, Not run by the tests: needs a browser"),
        ("python", 'file="mine.py"', "mine.py"),
        ("output", "", "Output"),
    ],
)
def test_the_attributes_of_a_fence_are_its_title(language: str, attributes: str, title: str | None) -> None:
    assert fence_title(language, attributes) == title


@pytest.mark.parametrize("attributes", ["terminal", "termnal=2", "skip=needs Docker", '"needs Docker"'])
def test_an_attribute_that_nobody_reads_is_refused(attributes: str) -> None:
    with pytest.raises(FenceAttributeError, match="write NAME=VALUE"):
        fence_title("sh", attributes)


@pytest.mark.slow
def test_no_attribute_of_a_fence_is_left_in_the_text_of_a_page(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert "```" not in page.read_text(encoding="utf-8"), page
