"""`firsthand check`: verdicts, shares as intervals, and a gate that unknown items cannot pass."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Registry
from tests.factories import TEXTS, write_lines, write_snapshot
from tests.firsthand.conftest import Firsthand


def write_files(folder: Path, numbers: range, what: str = "text") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for number in numbers:
        (folder / f"{what}-{number:04}.txt").write_text(f"{what} number {number}\n")
    return folder


@pytest.fixture
def thousand(tmp_path: Path, firsthand: Firsthand) -> Path:
    """1,000 files: 300 registered as a model's output, 600 as human, 100 that nobody knows."""
    folder = tmp_path / "thousand"
    made, written = write_files(folder / "made", range(300)), write_files(folder / "written", range(300, 900))
    write_files(folder / "found", range(900, 1_000))
    firsthand("dataset", "create", "local/files")
    firsthand("model", "create", "local/writer@1", "--generation", 2)
    firsthand("register", made, "--dataset", "local/files", "--model", "local/writer@1")
    firsthand("register", written, "--dataset", "local/files", "--human")
    return folder


def test_a_thousand_files_get_their_verdicts_and_the_gate_uses_the_upper_end_of_the_share(
    firsthand: Firsthand, thousand: Path
) -> None:
    refused = firsthand("check", thousand, "--max-synthetic", 0.35, status=3)
    assert "made by models: 30.0–40.0 % (unknown items may be a model's output)" in refused.out
    assert "gate refused" in refused.out
    believed = firsthand("check", thousand, "--max-synthetic", 0.35, "--unknown", "human")
    assert "made by models: 30.0 % (unknown items are counted as human, because of --unknown human)" in believed.out
    assert "gate passed" in believed.out
    assert (
        "33.3 % (unknown items are not counted" in firsthand("check", thousand, "--unknown", "ignore", "--summary").out
    )
    firsthand("check", thousand, "--max-synthetic", 0.4)
    known = firsthand("check", thousand / "made", "--summary").out
    assert "made by models: 100.0 %\n" in known  # one number without a remark, since no item is unknown


def test_a_gate_that_knows_nothing_refuses(firsthand: Firsthand, tmp_path: Path) -> None:
    ran = firsthand("check", write_files(tmp_path / "files", range(1_000)), "--max-synthetic", 0.35, status=3)
    assert "made by models: 0–100 %" in ran.out


def test_an_empty_table_knows_nothing_either(firsthand: Firsthand, tmp_path: Path) -> None:
    empty = write_lines(tmp_path / "empty.jsonl", [])
    assert "0–100 %" in firsthand("check", empty, "--max-synthetic", 0.5, status=3).out


def test_every_item_has_its_line_and_the_summary_alone_has_none(firsthand: Firsthand, thousand: Path) -> None:
    lines = firsthand("check", thousand, "--items").out.splitlines()
    assert f"model      local/writer@1 generation 2  {thousand}/made/text-0000.txt" in lines
    assert any(line.startswith("human ") and line.endswith("written/text-0300.txt") for line in lines)
    assert any(line.startswith("unknown ") and line.endswith("found/text-0999.txt") for line in lines)
    assert "text-0000" not in firsthand("check", thousand, "--summary").out
    assert "text-0000" not in firsthand("check", thousand).out


def test_json_holds_the_same_for_machines(firsthand: Firsthand, thousand: Path) -> None:
    ran = firsthand("check", thousand, "--json", "--items", "--max-synthetic", 0.35, status=3)
    checked = ran.summary
    assert checked["counts"] == {"unknown": 100, "human": 600, "model": 300, "contested": 0}
    assert checked["generations"] == {"2": 300}
    assert checked["share"] == {"low": 0.3, "high": 0.4, "text": "30.0–40.0 %"}
    assert (checked["unknown"], checked["policy"]) == ("model", "strict")
    assert (checked["gate"]["max_synthetic"], checked["gate"]["max_known_synthetic"]) == (0.35, None)
    assert checked["gate"]["passed"] is False
    assert checked["gate"]["reasons"] == [
        "up to 40.0 % may be made by models, and max-synthetic is 35 %: 10.0 % are unknown;"
        " 30.0 % are known to be models'"
    ]
    assert len(ran.items) == len(ran.lines) - 1 == checked["total"] == 1_000
    assert {item["model"] for item in ran.items if item["verdict"] == "model"} == {"local/writer@1"}
    assert firsthand("check", thousand, "--json", "--summary").json == {**checked, "gate": None}


def test_a_text_is_found_under_either_profile(firsthand: Firsthand, tmp_path: Path) -> None:
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    firsthand("dataset", "create", "local/exact", "--profile", "bytes-1")
    canonical = write_lines(tmp_path / "canonical.jsonl", ["one text", "a second  text"])
    exact = write_lines(tmp_path / "exact.jsonl", ["  a third\ttext "])
    firsthand("register", canonical, "--dataset", "local/texts", "--human")
    firsthand("register", exact, "--dataset", "local/exact", "--unstated")
    firsthand("model", "create", "local/writer@1", "--generation", 1)
    firsthand("register", exact, "--dataset", "local/exact", "--model", "local/writer@1")
    texts = write_lines(
        tmp_path / "asked.jsonl", ["one\u200b text ", "a second text", "  a third\ttext ", "a third text"]
    )
    items = firsthand("check", texts, "--json", "--items").items
    assert [item["verdict"] for item in items] == ["human", "human", "model", "unknown"]
    assert items[0]["item"] == f"{texts}:1"


def test_what_the_profiles_say_is_joined_into_one_verdict(firsthand: Firsthand, tmp_path: Path) -> None:
    texts = write_lines(tmp_path / "texts.jsonl", ["the  same text"])
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    firsthand("dataset", "create", "local/exact", "--profile", "bytes-1")
    firsthand("model", "create", "local/writer@1", "--generation", 1)
    firsthand("register", texts, "--dataset", "local/texts", "--human")
    firsthand("register", texts, "--dataset", "local/exact", "--model", "local/writer@1")
    (item,) = firsthand("check", texts, "--json", "--items").items
    assert (item["verdict"], item["model"]) == ("contested", "local/writer@1")
    (item,) = firsthand("check", texts, "--json", "--items", "--policy", "pessimistic").items
    assert (item["verdict"], item["generation"]) == ("model", 1)


def test_a_file_of_text_is_found_when_its_line_ends_changed(firsthand: Firsthand, tmp_path: Path) -> None:
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    (tmp_path / "unix.txt").write_bytes(b"one\ntwo\n")
    (tmp_path / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    firsthand("register", tmp_path / "unix.txt", "--dataset", "local/texts", "--human")
    assert firsthand("check", tmp_path / "dos.txt", "--json").json["counts"]["human"] == 1


def test_names_that_no_line_can_hold_are_escaped(firsthand: Firsthand, tmp_path: Path) -> None:
    for name in (b"bad\xff.txt", b"two\nlines.txt"):
        (write_files(tmp_path / "odd", range(0)) / os.fsdecode(name)).write_text("text")
    items = firsthand("check", tmp_path / "odd", "--json", "--items").items
    assert [Path(item["item"]).name for item in items] == ["bad\\xff.txt", "two\\nlines.txt"]


def test_check_answers_at_an_earlier_position(firsthand: Firsthand, thousand: Path) -> None:
    now = firsthand("check", thousand, "--json", "--summary").json
    before = firsthand("check", thousand, "--json", "--summary", "--as-of", now["position"] - 1).json
    assert (before["counts"]["human"], before["counts"]["model"]) == (0, 300)


@pytest.mark.slow
def test_a_registry_that_is_not_there_is_an_error_that_says_what_to_do(
    alone: Firsthand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_URL", "http://127.0.0.1:9")
    ran = alone("check", write_files(tmp_path / "files", range(1)), "--max-synthetic", 0.9, status=1)
    assert "firsthand serve" in ran.err
    assert "FIRSTHAND_URL" in ran.err


def test_a_reader_that_has_read_enough_is_no_error(registry: Registry, tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "rows.jsonl", [f"row {n}" for n in range(20_000)])
    with subprocess.Popen(
        [sys.executable, "-m", "firsthand", "check", rows, "--items"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "FIRSTHAND_URL": registry.url},
        text=True,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline().startswith("unknown")
        command.stdout.close()
        assert command.stderr.read() == ""


@pytest.mark.parametrize("value", ["1.5", "-0.1", "ten"])
def test_a_share_lies_between_nothing_and_all(alone: Firsthand, tmp_path: Path, value: str) -> None:
    alone("check", tmp_path, "--max-synthetic", value, status=2)


def test_a_field_that_is_not_there_is_named_beside_those_that_are(
    registry: Registry, firsthand: Firsthand, tmp_path: Path
) -> None:
    ran = firsthand("check", write_lines(tmp_path / "rows.jsonl", ["a"], field="body"), status=1)
    assert "no field 'text'; the fields are id, body. Choose one with --field NAME." in ran.err
    firsthand("check", tmp_path / "rows.jsonl", "--field", "body")


@pytest.mark.parametrize("share", ["30%", "1.5", "-1", "much", "nan"])
def test_a_limit_that_is_no_share_is_refused_with_an_example(alone: Firsthand, share: str) -> None:
    ran = alone("check", ".", "--max-synthetic", share, status=2)
    assert "use a number between 0 and 1, such as 0.3 for 30 %" in " ".join(ran.err.replace("│", " ").split())


def test_the_low_end_has_its_own_limit(firsthand: Firsthand, thousand: Path) -> None:
    ran = firsthand("check", thousand, "--max-synthetic", 0.35, "--max-known-synthetic", 0.2, status=3)
    assert [line for line in ran.out.splitlines() if line.startswith("gate")] == [
        "gate refused: up to 40.0 % may be made by models, and max-synthetic is 35 %: 10.0 % are unknown;"
        " 30.0 % are known to be models'",
        "gate refused: 30.0 % are known to be models', and max-known-synthetic is 20 %",
    ]
    passed = firsthand("check", thousand, "--max-known-synthetic", 0.3).out
    assert "gate passed: 30.0–40.0 % may be made by models; max-known-synthetic is 30 %" in passed


@pytest.mark.slow
def test_each_file_has_a_line_with_the_worst_first(alone: Firsthand, tmp_path: Path) -> None:
    crawl, snapshot = tmp_path / "crawl", write_snapshot(tmp_path / "snapshot")
    crawl.mkdir()
    write_lines(crawl / "a.jsonl", [TEXTS[1]] * 3)
    write_lines(crawl / "b.jsonl", [TEXTS[1], TEXTS[0], TEXTS[3], TEXTS[2]])
    (crawl / "c.txt").write_text(TEXTS[3])
    words = ("check", crawl, "--snapshot", snapshot, "--by-file")
    lines = alone(*words).out.splitlines()
    assert lines[:4] == [
        "made by models, per file:",
        f"    0–100 %  unknown 1                                 {crawl}/c.txt",
        f"25.0–75.0 %  human 1, model 1, contested 1, unknown 1  {crawl}/b.jsonl",
        f"      0.0 %  human 3                                   {crawl}/a.jsonl",
    ]
    files = [line for line in alone(*words, "--json").lines if line["kind"] == "file"]
    assert [Path(line["file"]).name for line in files] == ["c.txt", "b.jsonl", "a.jsonl"]
    assert files[1]["counts"] == {"unknown": 1, "human": 1, "model": 1, "contested": 1}
    assert (files[1]["total"], files[1]["unreadable"]) == (4, 0)
    assert files[1]["share"] == {"low": 0.25, "high": 0.75, "text": "25.0–75.0 %"}


@pytest.mark.slow
def test_bad_rows_are_skipped_named_and_unknown(alone: Firsthand, tmp_path: Path) -> None:
    crawl, snapshot = tmp_path / "crawl", write_snapshot(tmp_path / "snapshot")
    crawl.mkdir()
    rows = [json.dumps({"text": TEXTS[1]}), *(json.dumps({"text": number}) for number in range(7))]
    (crawl / "a.jsonl").write_text("\n".join(rows))
    (crawl / "b.parquet").write_bytes(b"PAR1")
    words = ("check", crawl, "--snapshot", snapshot)
    assert "a.jsonl, line 2: the field 'text' must hold a text, but holds 0" in alone(*words, status=1).err
    ran = alone(*words, "--on-error", "skip", "--errors", tmp_path / "bad.jsonl", "--by-file")
    assert "made by models: 0.0–88.9 % (unknown items may be a model's output)" in ran.out
    assert "could not be read: 7 rows and 1 file; counted as unknown" in ran.out
    assert "  a file counts as one item, because the number of items in it is not known" in ran.out
    assert f"  {crawl}/a.jsonl:2: the field 'text' must hold a text, but holds 0." in ran.out
    assert f"  and 6 more, in {tmp_path}/bad.jsonl" in ran.out
    assert f"  {crawl}/b.parquet: cannot be read as Parquet" in ran.out  # rows of another file do not hide it
    assert f"human 1, unknown 7, not read 7  {crawl}/a.jsonl" in ran.out
    assert "use --errors FILE to get all" in alone(*words, "--on-error", "skip").out
    named = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(Path(error["file"]).name, error["row"]) for error in named] == [
        *(("a.jsonl", number) for number in range(2, 9)),
        ("b.parquet", None),
    ]
    assert (
        "(unknown items are counted as human, because of --unknown human. Items that could not be read may be"
        in alone(*words, "--on-error", "skip", "--unknown", "human").out
    )
    report = alone(*words, "--on-error", "skip", "--json", "--items")
    assert report.summary["unreadable"] == {"rows": 7, "files": 1}
    assert [item["verdict"] for item in report.items] == ["human", *["unknown"] * 8]
    refused = alone(*words, "--errors", tmp_path / "bad.jsonl", status=2).err
    assert "this option has an effect only with --on-error skip" in " ".join(refused.replace("│", " ").split())


@pytest.mark.slow
def test_progress_shows_the_bytes_of_all_bytes_the_items_and_the_rate(
    alone: Firsthand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("COLUMNS", "160")
    crawl, snapshot = tmp_path / "crawl", write_snapshot(tmp_path / "snapshot")
    crawl.mkdir()
    write_lines(crawl / "a.jsonl", [TEXTS[1]] * 3)
    (crawl / "b.txt").write_text(TEXTS[3])
    size = sum(path.stat().st_size for path in crawl.iterdir())
    for words in (("check",), ("filter", "--verdict", "human", "--out", tmp_path / "out")):
        err = alone(*words, crawl, "--snapshot", snapshot).err
        assert re.search(rf"{size}/{size} bytes .*/s.* 4 items .*remaining", err), err
    assert "bytes" not in alone("check", crawl, "--snapshot", snapshot, "--items").err
