"""`firsthand filter`: the part of one's own files that a mix or a verdict admits, whole or not at all."""

import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.checking import filter as filtering
from firsthand.checking.filter import SelectByMix
from firsthand.core.digests import stack
from firsthand.files.discover import find
from firsthand.files.formats import Parquet
from firsthand.files.inputs import digest, hash_both
from tests.factories import TEXTS, write_snapshot
from tests.firsthand.conftest import Firsthand

HUMAN = [f"people wrote text {n}" for n in range(30)]
MADE = [f"a model wrote text {n}" for n in range(20)]


def lines(file: Path, texts: list[str]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"text": text, "n": n}) + "\n" for n, text in enumerate(texts)))
    return file


@pytest.fixture
def known(firsthand: Firsthand, tmp_path: Path) -> Firsthand:
    """A registry that knows 30 texts as human and 20 as a model's."""
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    firsthand("model", "create", "local/writer@1", "--generation", 1)
    register = ("register", "--dataset", "local/texts")
    firsthand(*register, lines(tmp_path / "known" / "human.jsonl", HUMAN), "--human")
    firsthand(*register, lines(tmp_path / "known" / "made.jsonl", MADE), "--model", "local/writer@1")
    return firsthand


def test_rows_with_a_verdict_are_written_in_their_own_format(known: Firsthand, tmp_path: Path) -> None:
    mixed = [*MADE[:3], *HUMAN[:2], "nobody knows this", HUMAN[2]]
    source = tmp_path / "in"
    lines(source / "deep" / "a.jsonl", mixed)
    pq.write_table(pa.table({"text": mixed}), source / "b.parquet")
    (source / "c.csv").write_text("n,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(mixed)))
    ran = known("filter", source, "--out", tmp_path / "out", "--verdict", "human")
    assert "9 of 21 items kept" in ran.out
    kept = (tmp_path / "out" / "deep" / "a.jsonl").read_text().splitlines()
    assert kept == [json.dumps({"text": mixed[n], "n": n}) for n in (3, 4, 6)]
    assert pq.read_table(tmp_path / "out" / "b.parquet")["text"].to_pylist() == HUMAN[:3]
    assert (tmp_path / "out" / "c.csv").read_text() == "n,text\n" + "".join(f"{n},{mixed[n]}\n" for n in (3, 4, 6))
    assert sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file()) == ["a.jsonl", "b.parquet", "c.csv"]


def test_files_with_one_of_several_verdicts_are_copied(known: Firsthand, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name, text in (("h.txt", HUMAN[0]), ("m.txt", MADE[0]), ("u.txt", "unheard of")):
        (source / name).write_text(text + "\n")
    filtered = known(
        "filter", source, "--out", tmp_path / "out", "--verdict", "unknown", "--verdict", "human", "--json"
    ).json
    assert (filtered["files"], filtered["items"], filtered["kept"]) == (3, 3, 2)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["h.txt", "u.txt"]
    assert (tmp_path / "out" / "h.txt").read_text() == HUMAN[0] + "\n"


def test_a_mix_writes_each_of_its_items_once_and_says_which_are_missing(known: Firsthand, tmp_path: Path) -> None:
    mix = known("mix", "create", "--part", "verdict=human,size=20", "--json").json
    first = lines(tmp_path / "in" / "first.jsonl", HUMAN[:25] + MADE)
    lines(tmp_path / "in" / "second.jsonl", [*HUMAN[:25], *HUMAN[:25]])
    ran = known("filter", tmp_path / "in", "--out", tmp_path / "out", "--mix", mix["id"])
    kept = [json.loads(line)["text"] for line in (tmp_path / "out" / "first.jsonl").read_text().splitlines()]
    assert (tmp_path / "out" / "second.jsonl").read_text() == ""
    assert len(kept) == len(set(kept)) <= 20
    assert set(kept) <= set(HUMAN)
    missing = 20 - len(kept)
    assert f"{len(kept)} of 95 items kept" in ran.out
    assert missing > 0
    assert f"not in these files: {missing} item" in ran.out
    assert first.exists()


def test_an_output_never_takes_the_place_of_an_input(known: Firsthand, tmp_path: Path) -> None:
    source = lines(tmp_path / "in" / "a.jsonl", HUMAN)
    before = source.read_bytes()
    ran = known("filter", source, "--out", tmp_path / "in", "--verdict", "model", status=1)
    assert "is also an input" in ran.err
    assert source.read_bytes() == before


def test_two_inputs_never_share_an_output(known: Firsthand, tmp_path: Path) -> None:
    first, other = lines(tmp_path / "1" / "a.jsonl", HUMAN), lines(tmp_path / "2" / "a.jsonl", MADE)
    ran = known("filter", first, other, "--out", tmp_path / "out", "--verdict", "human", status=1)
    assert "two input files have the same output" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_file_that_breaks_in_the_middle_leaves_what_stood_there_before(known: Firsthand, tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = lines(tmp_path / "in" / "a.jsonl", HUMAN)
    known("filter", source, "--out", out, "--verdict", "human")
    before = (out / "a.jsonl").read_bytes()
    source.write_text(source.read_text() + "not JSON\n")
    known("filter", source, "--out", out, "--verdict", "human", status=1)
    assert [p.name for p in out.iterdir()] == ["a.jsonl"]
    assert (out / "a.jsonl").read_bytes() == before


@pytest.mark.parametrize("words", [[], ["--mix", "0" * 32, "--verdict", "human"], ["--verdict", "humane"]])
def test_filter_needs_exactly_one_kind_of_what_to_keep(alone: Firsthand, tmp_path: Path, words: list[str]) -> None:
    alone("filter", lines(tmp_path / "a.jsonl", HUMAN), "--out", tmp_path / "out", *words, status=2)


def test_a_mix_admits_an_item_under_either_profile_and_only_once() -> None:
    exact, canonical = digest("two  words", "bytes-1"), digest("one  more", "text-1")
    admits = SelectByMix(stack([exact, canonical]))
    assert admits(hash_both(["one more", "two words", "two  words", "one\tmore"])).tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert admits(hash_both(["two  words"])).tolist() == [False]
    assert admits.missing == 0


def test_an_empty_mix_admits_nothing(tmp_path: Path) -> None:
    admits = SelectByMix(stack([]))
    (written,) = filtering.write(find([lines(tmp_path / "a.jsonl", HUMAN)]), "text", tmp_path / "out", admits)
    assert (written.items, written.kept) == (30, 0)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_rows_and_files_that_cannot_be_read_are_not_written(alone: Firsthand, tmp_path: Path, workers: int) -> None:
    snapshot, source, out = write_snapshot(tmp_path / "snapshot"), tmp_path / "in", tmp_path / "out"
    source.mkdir()
    good = [json.dumps({"text": text}) + "\n" for text in TEXTS]
    (source / "a.jsonl").write_text("".join([*good, '{"text": 5}\n', '{"text": null}\n', "{\n"]))
    (source / "b.csv").write_text(f"n,text\n1,{TEXTS[1]}\n2,{TEXTS[3]},more\n3,{TEXTS[3]}\n")
    (source / "c.jsonl.gz").write_bytes(gzip.compress("".join(good * 1_000).encode())[:-20])
    (source / "d.txt.gz").write_bytes(b"not gzip")
    (source / "e.parquet").write_bytes(b"PAR1")
    (source / "f.txt").write_text(TEXTS[1])
    words = ("filter", source, "--snapshot", snapshot, "--verdict", "human", "--verdict", "unknown", "--out", out)
    stopped = alone(*words, "--workers", workers, status=1).err
    assert re.search(
        "(a.jsonl, line 5|b.csv, line 3, record 2): the (field 'text' must hold a text|record has)", stopped
    )
    skip = (*words, "--on-error", "skip", "--errors", tmp_path / "bad.jsonl", "--workers", workers)
    ran = alone(*skip)
    assert "could not be read: 3 rows and 3 files; not written" in ran.out
    assert sorted(path.name for path in out.iterdir()) == ["a.jsonl", "b.csv", "f.txt"]
    assert (out / "a.jsonl").read_text() == good[1] + good[3] + '{"text": null}\n'
    assert (out / "b.csv").read_text() == f"n,text\n1,{TEXTS[1]}\n3,{TEXTS[3]}\n"
    named = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(Path(error["file"]).name, error["row"]) for error in named] == [
        ("a.jsonl", 5), ("a.jsonl", 7), ("b.csv", 2), ("c.jsonl.gz", None), ("d.txt.gz", None), ("e.parquet", None),
    ]  # fmt: skip
    report = alone(*skip, "--json").json
    assert (report["items"], report["kept"]) == (7 + 3 + 1 + 1 + 1 + 1, 3 + 2 + 1)
    assert (report["unreadable_rows"], report["unreadable_files"]) == (3, 3)


def test_an_item_of_a_mix_in_a_file_that_cannot_be_read_is_taken_from_another_file(tmp_path: Path) -> None:
    lines(tmp_path / "in" / "b.jsonl", HUMAN[:3])
    cut = (tmp_path / "in" / "b.jsonl").read_bytes()
    (tmp_path / "in" / "a.jsonl.gz").write_bytes(gzip.compress(cut)[:-4])
    selector = SelectByMix(stack([digest(text, "text-1") for text in HUMAN[:3]]))
    parts = list(filtering.write(find([tmp_path / "in"]), "text", tmp_path / "out", selector, "skip"))
    assert [(part.kept, len(part.errors)) for part in parts] == [(0, 1), (3, 0)]
    assert selector.missing == 0


@pytest.mark.slow
def test_a_full_disk_is_no_bad_row(alone: Firsthand, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [TEXTS[1]] * 5}), tmp_path / "a.parquet")
    (tmp_path / "out").write_text("a file, where a folder must be created")
    words = (
        "filter",
        tmp_path / "a.parquet",
        "--snapshot",
        write_snapshot(tmp_path / "snapshot"),
        "--verdict",
        "human",
    )
    ran = alone(*words, "--out", tmp_path / "out", "--on-error", "skip", status=1)
    assert "could not be read" not in ran.out + ran.err


def test_an_error_of_the_output_is_not_taken_for_a_damaged_input(tmp_path: Path) -> None:
    """It is raised in the block that writes, while the input of the same name is open for its schema."""
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(OSError, match="No space left"), Parquet().writing(tmp_path / "b", like=tmp_path / "a.parquet"):
        raise OSError("No space left on device")
