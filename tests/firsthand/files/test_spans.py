"""A file that is read in spans gives the same rows, and the same errors, as a file that is read as a whole."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.checking.check import check
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.errors import RowError
from firsthand.files import discover
from firsthand.files.formats import DivisibleFormat, Rows
from firsthand.files.locations import ReadMeter
from tests.factories import TEXTS, write_snapshot

LINES = st.sampled_from(
    ['{"text": "a"}', '{"text": "ä \\u00e4"}', '{"text": null}', "", "  ", '{"text": 5}', "{", '{"text": "b"}\r', "[]"]
)
ENDS = st.sampled_from(["\n", ""])
MOST = st.integers(1, 9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spans")


def contents(rows: Iterable[Rows]) -> tuple[list[Any], list[tuple[str, int, str]]]:
    """Return the items, and the errors with the numbers of their rows."""
    items: list[Any] = []
    errors: list[RowError] = []
    for part in rows:
        items += part.items.to_pylist()
        errors += part.errors
    return items, [(error.file, error.number, error.reason) for error in errors]


def assert_spans_give_the_same(path: Path, most: int) -> None:
    (file,) = discover.find([path])
    assert isinstance(file.row_format, DivisibleFormat)
    spans = file.row_format.spans(path, most)
    assert len(spans) <= most
    assert all(before.end == after.start for before, after in pairwise(spans))
    assert sum(span.size_of(path.stat().st_size) for span in spans) == (path.stat().st_size if spans else 0)
    parts = [rows for span in spans for rows in file.row_format.read_span(path, "text", span, skip=True)]
    assert contents(parts) == (contents(file.read_rows("text", skip=True)) if spans else ([], []))


@pytest.mark.slow
@given(lines=st.lists(LINES, max_size=30), end=ENDS, most=MOST)
def test_json_lines(folder: Path, lines: list[str], end: str, most: int) -> None:
    path = folder / "lines.jsonl"
    # the first line decides whether the file is JSON Lines at all
    path.write_bytes("\n".join(['{"text": "first"}', *lines, '{"text": "last"}']).encode() + end.encode())
    assert_spans_give_the_same(path, most)


@pytest.mark.slow
@given(groups=st.lists(st.lists(st.sampled_from(["a", None, b"\xff"]), min_size=1, max_size=5), max_size=7), most=MOST)
def test_parquet(folder: Path, groups: list[list[Any]], most: int) -> None:
    path = folder / "rows.parquet"
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
        for group in groups:
            content = pa.array([item.encode() if isinstance(item, str) else item for item in group], pa.binary())
            # a text that is not UTF-8, which Arrow can write
            texts = pa.Array.from_buffers(pa.string(), len(content), content.buffers(), content.null_count)
            writer.write_table(pa.table({"text": texts}))
    assert_spans_give_the_same(path, most)


def test_an_empty_file_has_no_spans(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert_spans_give_the_same(tmp_path / "empty.jsonl", 3)


@pytest.mark.slow
def test_a_span_reads_only_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps({"text": str(number)}) + "\n" for number in range(200_000)))
    (file,) = discover.find([path])
    assert isinstance(file.row_format, DivisibleFormat)
    spans = file.row_format.spans(path, 4)
    assert len(spans) == 4
    for span in spans:
        meter = ReadMeter()
        assert sum(len(rows.items) for rows in file.row_format.read_span(path, "text", span, meter=meter)) > 0
        assert meter.bytes <= span.end - span.start + 2**19  # the buffers of the file


def test_only_large_files_are_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "_SMALLEST_SPAN", 2_000)
    line = '{"text": "0123456789"}\n'
    sizes = {"a.jsonl": 1_000, "b.jsonl": 50, "c.jsonl": 50, "d.jsonl.gz": 1_000, "e.csv": 1_000, "f.txt": 1_000}
    for name, lines in sizes.items():
        (tmp_path / name).write_text(line * lines)
    files = discover.find([tmp_path])
    parts = discover.divided(files, 10)
    assert [part.path.name for part in parts] == ["a.jsonl"] * 2 + [name for name in sizes if name != "a.jsonl"]
    assert discover.total_size(parts) == discover.total_size(files)
    assert discover.divided(files, 1) == files


@pytest.mark.slow
def test_two_processes_share_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "_SMALLEST_SPAN", 1_000)
    path = tmp_path / "lines.jsonl"
    lines = [json.dumps({"text": f"text {number}"}) for number in range(1_000)]
    lines[3] = lines[999] = json.dumps({"text": TEXTS[0]})
    lines[700] = '{"text": 5}'
    path.write_text("\n".join(lines) + "\n")
    files, source = discover.find([path]), SnapshotSource(write_snapshot(tmp_path / "snapshot"))
    parts = list(check(files, "text", source, names=False, processes=2, on_error="skip"))
    counts = [part.answer.counts() for part in parts]
    assert {name: sum(count[name] for count in counts) for name in ("model", "unknown")} == {"model": 2, "unknown": 998}
    assert [error.row for part in parts for error in part.errors] == [701]
    assert {part.file for part in parts} == {str(path)}
    assert sum(part.read_bytes for part in parts) == path.stat().st_size
    assert sum(len(part.answer.verdict) > 0 for part in parts) > 2
