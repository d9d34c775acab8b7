"""What exact digests miss: the benchmark at a small size, and its table in the documentation."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.registry import digest_recall

CONCEPTS = (Path(__file__).parents[3] / "docs" / "explanation" / "concepts.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_small_run_finds_what_the_profiles_forgive_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    digest_recall.main(["--texts", "40"])
    output = capsys.readouterr().out
    print(output)
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in output.splitlines() if row.startswith("| ")}
    assert rows["unchanged"] == "| unchanged | 40 | 40 |"
    assert rows["a line end added"] == "| a line end added | 0 | 40 |"
    assert rows["5 % of the words edited"] == "| 5 % of the words edited | 0 | 0 |"
    assert [*rows][1:] == [*digest_recall.CHANGES]


@pytest.mark.slow
def test_the_texts_are_distinct_paragraphs_and_those_asked_for() -> None:
    texts = digest_recall.corpus(1_000)
    assert len(set(texts)) == len(texts) == 1_000
    assert min(len(text.encode()) for text in texts) >= 200
    assert texts[:40] == digest_recall.corpus(40)


def test_a_change_is_what_its_name_says() -> None:
    random = np.random.default_rng(0)
    text = " ".join(f"word{n} <&>" for n in range(100))
    assert digest_recall.in_html_as_shown(text, random) == text
    assert digest_recall.in_html(text, random).strip() == text
    assert max(map(len, digest_recall.rewrapped(text, random).split("\n"))) <= 72
    assert text.startswith(digest_recall.truncated(text, random))
    assert len(digest_recall.truncated(text, random).split(" ")) == 180
    pairs = zip(text.split(" "), digest_recall.edited(text, random).split(" "), strict=True)
    assert sum(before != after for before, after in pairs) == 10


def test_the_page_of_concepts_shows_the_table_and_the_command() -> None:
    section = CONCEPTS.split("\n## What exact digests cannot do\n")[1].split("\n## ")[0]
    assert "python -m benchmarks.registry.digest_recall" in section
    shown = [line.split(" | ")[0].removeprefix("| ") for line in section.splitlines() if line.startswith("| ")]
    assert shown[1:] == [*digest_recall.CHANGES]
