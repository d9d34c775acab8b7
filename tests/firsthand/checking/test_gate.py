"""`firsthand.gate`: limits on both ends of the share; why and where items exceed them; rows that cannot be read."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import firsthand
from firsthand import ContentError, FirsthandError, GateRefused, GateResult, InvalidArgument, Share, Snapshot
from firsthand.checking.gate import percent
from firsthand.core.verdicts import CountUnknown
from tests.factories import TEXTS, write_snapshot

#: Each text has the verdict of its name, in the snapshot of these tests.
MODEL, HUMAN, CONTESTED, UNKNOWN = TEXTS


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return Snapshot.open(write_snapshot(tmp_path / "snapshot"))


def write(path: Path, *rows: str) -> Path:
    """Write lines as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(row + "\n" for row in rows))
    return path


def row(text: str) -> str:
    return json.dumps({"text": text})


def batch(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"text": list(texts)})


def in_files(result: GateResult) -> list[tuple[str, float, float]]:
    return [(Path(file.file).name, file.low, file.high) for file in result.by_file]


@pytest.mark.slow
def test_a_gate_compares_the_high_end_and_the_low_end(snapshot: Snapshot) -> None:
    texts = batch(MODEL, HUMAN, HUMAN, UNKNOWN)
    assert firsthand.gate(texts, snapshot, max_synthetic=0.5, max_known_synthetic=0.25).passed
    high = firsthand.gate(texts, snapshot, max_synthetic=0.4, max_known_synthetic=0.25)
    low = firsthand.gate(texts, snapshot, max_synthetic=0.5, max_known_synthetic=0.2)
    assert [result.passed for result in (high, low)] == [False, False]
    assert (high.low, high.high, str(high.share), high.total) == (0.25, 0.5, "25.0–50.0 %", 4)
    assert high.counts == {"unknown": 1, "human": 2, "model": 1, "contested": 0}
    assert high.generations == {2: 1}
    assert high.reasons == (
        "up to 50.0 % may be made by models, and max-synthetic is 40 %: 25.0 % are unknown;"
        " 25.0 % are known to be models'",
    )
    assert low.reasons == ("25.0 % are known to be models', and max-known-synthetic is 20 %",)


def test_a_refusal_says_what_the_items_are_with_the_unknown_first(snapshot: Snapshot) -> None:
    texts = batch(*[UNKNOWN] * 497, MODEL, CONTESTED, HUMAN)
    result = firsthand.gate(texts, snapshot, max_synthetic=0.1, max_known_synthetic=0.001)
    assert result.reasons == (
        "up to 99.8 % may be made by models, and max-synthetic is 10 %: 99.4 % are unknown; 0.2 % are contested;"
        " 0.2 % are known to be models'",
        "0.2 % are known to be models', and max-known-synthetic is 0.1 %",
    )


@pytest.mark.slow
def test_a_share_in_a_refusal_is_visibly_above_its_limit(snapshot: Snapshot) -> None:
    texts = batch(*[HUMAN] * 2499, MODEL)
    (reason,) = firsthand.gate(texts, snapshot, max_known_synthetic=0.0003).reasons
    assert reason == "0.04 % are known to be models', and max-known-synthetic is 0.03 %"


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0.0 %"), (1e-9, "less than 0.1 %"), (0.0005, "0.1 %"), (0.9994, "99.9 %"), (0.9999, "more than 99.9 %")],
)
def test_neither_a_small_share_is_zero_nor_a_large_one_all(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.slow
def test_nothing_does_not_pass(snapshot: Snapshot) -> None:
    result = firsthand.gate(batch(), snapshot, max_synthetic=0.9)
    assert result.reasons == (
        "up to 100.0 % may be made by models, and max-synthetic is 90 %: no item could be counted",
    )


@pytest.mark.slow
def test_files_are_listed_worst_first_by_the_end_that_is_limited(snapshot: Snapshot, tmp_path: Path) -> None:
    write(tmp_path / "crawl" / "human.jsonl", row(HUMAN))
    write(tmp_path / "crawl" / "unknown.jsonl", row(UNKNOWN), row(UNKNOWN))
    write(tmp_path / "crawl" / "made.jsonl", row(MODEL), row(HUMAN))
    (tmp_path / "crawl" / "page.txt").write_text(UNKNOWN)
    high = firsthand.gate(tmp_path / "crawl", snapshot, max_synthetic=0.1)
    assert in_files(high) == [
        ("unknown.jsonl", 0, 1), ("page.txt", 0, 1), ("made.jsonl", 0.5, 0.5), ("human.jsonl", 0, 0),
    ]  # fmt: skip
    low = firsthand.gate(tmp_path / "crawl", snapshot, max_known_synthetic=0.1)
    assert [name for name, _, _ in in_files(low)] == ["made.jsonl", "unknown.jsonl", "page.txt", "human.jsonl"]
    with pytest.raises(
        GateRefused, match=r"16\.7 % are known to be models'.*\nThe worst files:\n.*made.jsonl: 50\.0 %"
    ):
        low.raise_if_refused()
    firsthand.gate(tmp_path / "crawl", snapshot, max_known_synthetic=0.2).raise_if_refused()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_rows_and_files_that_cannot_be_read_are_unknown_and_named(
    snapshot: Snapshot, tmp_path: Path, workers: int
) -> None:
    crawl = tmp_path / "crawl"
    bad = write(crawl / "bad.jsonl", row(HUMAN), '{"text": 5}', "{", row(MODEL))
    cut = crawl / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress("".join(row(f"{n}") + "\n" for n in range(1_000)).encode())[:-100])
    pq.write_table(pa.table({"body": [HUMAN] * 9}), crawl / "field.parquet")
    write(crawl / "page.txt.gz", "not gzip")
    (crawl / "gone.txt").symlink_to("nowhere")
    with pytest.raises(FirsthandError, match=r"gone.txt is a link to nowhere"):
        firsthand.gate(crawl, snapshot, max_synthetic=1, workers=workers)
    result = firsthand.gate(
        crawl, snapshot, max_synthetic=1, on_error="skip", errors=tmp_path / "bad.jsonl", workers=workers
    )
    named = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [(Path(error["file"]).name, error["row"]) for error in named] == [
        ("bad.jsonl", 2), ("bad.jsonl", 3), ("cut.jsonl.gz", None), ("field.parquet", None), ("gone.txt", None),
        ("page.txt.gz", None),
    ]  # fmt: skip
    assert named[0]["reason"].startswith("the field 'text' must hold a text, but holds 5")
    assert named[2]["reason"].startswith("cannot be read: ")
    assert named[3]["reason"].startswith("there is no field 'text'; the fields are body")
    assert (result.unreadable_rows, result.unreadable_files) == (2, 4)
    assert [(error.file, error.row, error.reason) for error in result.errors] == [tuple(e.values()) for e in named]
    (of_bad,) = (file for file in result.by_file if file.file == str(bad))
    assert (of_bad.counts, of_bad.unreadable) == ({"unknown": 2, "human": 1, "model": 1, "contested": 0}, 2)
    assert sum(file.unreadable for file in result.by_file) == 6
    assert (result.counts["human"], result.counts["model"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("unknown", ["model", "human", "ignore"])
def test_what_cannot_be_read_always_counts_in_the_high_end(
    snapshot: Snapshot, tmp_path: Path, unknown: CountUnknown
) -> None:
    """Nobody can say that a row which was not looked up is unknown to the registry."""
    file = write(tmp_path / "a.jsonl", row(HUMAN), row(UNKNOWN), "{", "{")
    result = firsthand.gate(file, snapshot, max_synthetic=0.2, unknown=unknown, on_error="skip")
    assert result.high == {"model": 3 / 4, "human": 2 / 4, "ignore": 2 / 3}[unknown]
    assert not result.passed
    assert "% could not be read" in result.reasons[0]


@pytest.mark.slow
def test_the_first_row_that_cannot_be_read_is_an_error_by_default(snapshot: Snapshot, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", row(HUMAN), '{"text": 5}')
    with pytest.raises(ContentError, match=r"a.jsonl, line 2: the field 'text' must hold a text"):
        firsthand.gate(file, snapshot, max_synthetic=1)


@pytest.mark.slow
def test_a_text_of_a_batch_that_is_not_utf8_is_an_error_or_unknown(snapshot: Snapshot) -> None:
    column = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffa"))
    texts = pa.table({"text": column})
    with pytest.raises(ContentError, match="row 0 of the batch"):
        firsthand.gate(texts, snapshot, max_synthetic=1)
    result = firsthand.gate(texts, snapshot, max_synthetic=1, on_error="skip")
    assert (result.counts["unknown"], result.unreadable_rows) == (2, 1)
    assert [(error.row, error.reason) for error in result.errors] == [(0, "the text is not UTF-8")]


@pytest.mark.slow
def test_a_link_to_itself_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "page.txt").symlink_to("page.txt")
    result = firsthand.gate(tmp_path / "crawl", snapshot, max_synthetic=1, on_error="skip")
    assert [Path(error.file).name for error in result.errors] == ["page.txt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "a gate needs a limit"),
        ({"max_synthetic": 30}, "max_synthetic is 30; use a number between 0 and 1"),
        ({"max_known_synthetic": float("nan")}, "max_known_synthetic is nan"),
        ({"max_synthetic": 0.1, "errors": "bad.jsonl"}, 'errors= is used only with on_error="skip"'),
    ],
)
def test_arguments_that_make_no_gate_are_refused(snapshot: Snapshot, arguments: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        firsthand.gate(batch(HUMAN), snapshot, **arguments)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_share_of_a_file_prints_as_an_interval(snapshot: Snapshot, tmp_path: Path) -> None:
    result = firsthand.gate(write(tmp_path / "a.jsonl", row(UNKNOWN)), snapshot, max_synthetic=1)
    assert [str(Share(file.low, file.high)) for file in result.by_file] == ["0–100 %"]


@pytest.mark.slow
def test_a_file_in_which_no_row_can_be_read_does_not_hide_other_files(snapshot: Snapshot, tmp_path: Path) -> None:
    write(tmp_path / "crawl" / "a.jsonl", *['{"text": 5}'] * 500)
    write(tmp_path / "crawl" / "b.jsonl", '{"text": 5}')
    result = firsthand.gate(tmp_path / "crawl", snapshot, max_synthetic=1, on_error="skip")
    assert result.unreadable_rows == 501
    assert [(Path(error.file).name, error.row) for error in result.errors] == [
        ("a.jsonl", 1), ("a.jsonl", 2), ("a.jsonl", 3), ("b.jsonl", 1),
    ]  # fmt: skip
