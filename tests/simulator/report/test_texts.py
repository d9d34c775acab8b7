"""What models wrote, on the page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from simulator.report import write
from tests.simulator.invented_runs import write_invented_run


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The report of two regimes whose items are text, each item likelier and some less likely with every round."""
    folders = [write_invented_run(tmp_path / regime, regime, 0, rounds=4) for regime in ("Replace", "HumanOnly")]
    for folder in folders:
        for t in range(5):
            (folder / "samples" / f"round-{t:03d}.json").write_text(json.dumps([f"{folder.name} wrote <{t}>", "other"]))
            drawn = np.random.default_rng(t).lognormal(4 - 0.3 * t, 0.5 + 0.2 * t, 200)
            np.save(folder / "samples" / f"round-{t:03d}.perplexity.npy", drawn)
    return write(folders, tmp_path / "report.html", command="again").read_text(encoding="utf-8")


@pytest.mark.slow
def test_texts_stand_side_by_side_by_round_and_are_no_markup(page: str) -> None:
    cells = re.findall(r"<td>(\S+ wrote &lt;\d&gt;)</td>", page)
    assert cells == [f"{regime} wrote &lt;{t}&gt;" for regime in ("Replace", "HumanOnly") for t in (0, 2, 4)]


@pytest.mark.slow
def test_each_regime_has_a_histogram_of_perplexities_with_a_curve_a_round(page: str) -> None:
    drawn = re.findall(r'<svg[^>]*aria-label="([^"]*): perplexities under the first model.*?</svg>', page, re.DOTALL)
    assert drawn == ["replace", "human-only"]
    curves = re.findall(r'<polyline points="([^"]+)" class="line" style="--c: ([^"]+)"', page)
    assert [colour == "var(--human)" for _, colour in curves] == [True, False, False, False] * 2
    assert len({points for points, _ in curves}) == 4  # the same perplexities in both regimes, and no two rounds alike


@pytest.mark.slow
def test_the_page_of_runs_without_text_has_no_texts_and_no_histograms(tmp_path: Path) -> None:
    page = write([write_invented_run(tmp_path / "a", "Replace", 0)], tmp_path / "report.html", command="x").read_text()
    assert "perplexities under" not in page
    assert "What the models write" not in page
