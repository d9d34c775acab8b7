"""`firsthand check`: verdicts, shares as intervals, and a gate that unknown items cannot pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Registry
from tests.factories import write_lines
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
    lines = firsthand("check", thousand).out.splitlines()
    assert f"model      local/writer@1 generation 2  {thousand}/made/text-0000.txt" in lines
    assert any(line.startswith("human ") and line.endswith("written/text-0300.txt") for line in lines)
    assert any(line.startswith("unknown ") and line.endswith("found/text-0999.txt") for line in lines)
    assert "text-0000" not in firsthand("check", thousand, "--summary").out


def test_json_holds_the_same_for_machines(firsthand: Firsthand, thousand: Path) -> None:
    checked = firsthand("check", thousand, "--json", "--max-synthetic", 0.35, status=3).json
    assert checked["counts"] == {"unknown": 100, "human": 600, "model": 300, "contested": 0}
    assert checked["generations"] == {"2": 300}
    assert checked["share"] == {"low": 0.3, "high": 0.4, "text": "30.0–40.0 %"}
    assert (checked["unknown"], checked["policy"]) == ("model", "strict")
    assert checked["gate"] == {"max_synthetic": 0.35, "passed": False}
    assert len(checked["items"]) == checked["total"] == 1_000
    assert {item["model"] for item in checked["items"] if item["verdict"] == "model"} == {"local/writer@1"}
    assert firsthand("check", thousand, "--json", "--summary").json["items"] is None


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
    checked = firsthand("check", texts, "--json").json
    assert [item["verdict"] for item in checked["items"]] == ["human", "human", "model", "unknown"]
    assert checked["items"][0]["item"] == f"{texts}:1"


def test_what_the_profiles_say_is_joined_into_one_verdict(firsthand: Firsthand, tmp_path: Path) -> None:
    texts = write_lines(tmp_path / "texts.jsonl", ["the  same text"])
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    firsthand("dataset", "create", "local/exact", "--profile", "bytes-1")
    firsthand("model", "create", "local/writer@1", "--generation", 1)
    firsthand("register", texts, "--dataset", "local/texts", "--human")
    firsthand("register", texts, "--dataset", "local/exact", "--model", "local/writer@1")
    (item,) = firsthand("check", texts, "--json").json["items"]
    assert (item["verdict"], item["model"]) == ("contested", "local/writer@1")
    (item,) = firsthand("check", texts, "--json", "--policy", "pessimistic").json["items"]
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
    checked = firsthand("check", tmp_path / "odd", "--json").json
    assert [Path(item["item"]).name for item in checked["items"]] == ["bad\\xff.txt", "two\\nlines.txt"]


def test_check_answers_at_an_earlier_position(firsthand: Firsthand, thousand: Path) -> None:
    now = firsthand("check", thousand, "--json", "--summary").json
    before = firsthand("check", thousand, "--json", "--summary", "--as-of", now["position"] - 1).json
    assert (before["counts"]["human"], before["counts"]["model"]) == (0, 300)


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
        [sys.executable, "-m", "firsthand", "check", rows],
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
