"""Tables are read row by row, and what is kept of them stays as it stood."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand import rows
from firsthand.errors import ContentError
from firsthand.parquet import Parquet
from firsthand.rows import Csv, JsonLines, Table


def read(table: Table, path: Path, field: str = "text") -> list[tuple[int, str | bytes]]:
    return [(n, item) for part in table.read(path, field) for n, item in zip(part.numbers, part.items, strict=True)]


def keep(table: Table, path: Path, out: Path, kept: set[int]) -> Path:
    """A copy with the rows of these numbers."""
    with table.writing(out, like=path) as writer:
        for part in table.read(path, "text"):
            writer.write(part, np.array([number in kept for number in part.numbers]))
    return out


JSONL = b'{"text": "one", "n": 1}\n\n{"n":2,"text":"zw\\u00f6lf"}\r\n  {"text":"three"}'
CSV = b'\xef\xbb\xbfid,text\n1,one\r\n2,"two ""words""\nover lines"\n\n3,three'


def test_json_lines_are_numbered_as_an_editor_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(JSONL)
    assert read(JsonLines(), path) == [(1, "one"), (3, "zwölf"), (4, "three")]


def test_kept_json_lines_stay_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(JSONL)
    assert keep(JsonLines(), path, tmp_path / "out", {3, 4}).read_bytes() == JSONL.split(b"\n", 2)[2]
    assert keep(JsonLines(), path, tmp_path / "out", set()).read_bytes() == b""


def test_records_of_csv_run_over_lines_and_a_byte_order_mark_is_no_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(CSV)
    assert read(Csv(), path) == [(1, "one"), (2, 'two "words"\nover lines'), (3, "three")]
    assert read(Csv(), path, "id") == [(1, "1"), (2, "2"), (3, "3")]


def test_kept_records_of_csv_stay_byte_for_byte_under_their_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(CSV)
    kept = keep(Csv(), path, tmp_path / "out", {2}).read_bytes()
    assert kept == b'\xef\xbb\xbfid,text\n2,"two ""words""\nover lines"\n'
    assert keep(Csv(), path, tmp_path / "out", set()).read_bytes() == b"\xef\xbb\xbfid,text\n"


def test_a_field_of_csv_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text\n" + "x" * 1_000_000 + "\n")
    assert len(read(Csv(), path)[0][1]) == 1_000_000


def test_tabs_separate_where_the_name_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text("id\ttext\n1\tone, two\n")
    assert read(Csv("\t"), path) == [(1, "one, two")]


@pytest.mark.parametrize(("table", "content"), [(JsonLines(), JSONL), (Csv(), CSV)])
def test_packed_tables_are_read_and_written_packed(tmp_path: Path, table: Table, content: bytes) -> None:
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(content))
    everything = {1, 2, 3, 4}
    first = keep(table, path, tmp_path / "first.gz", everything).read_bytes()
    assert len(read(table, tmp_path / "first.gz")) == 3
    assert keep(table, path, tmp_path / "second.gz", everything).read_bytes() == first


def parquet(path: Path, column: list[Any], kind: pa.DataType) -> Path:
    pq.write_table(
        pa.table({"id": list(range(len(column))), "text": pa.array(column, kind)}).replace_schema_metadata(
            {"by": "us"}
        ),
        path,
        row_group_size=2,
    )
    return path


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_of_parquet_are_items(tmp_path: Path, kind: pa.DataType) -> None:
    path = parquet(tmp_path / "rows.parquet", ["one", "zwölf", "three"], kind)
    assert read(Parquet(), path) == [(1, "one"), (2, "zwölf"), (3, "three")]


def test_bytes_of_parquet_are_items(tmp_path: Path) -> None:
    path = parquet(tmp_path / "rows.parquet", [b"\xff\x00", b"two"], pa.binary())
    assert read(Parquet(), path) == [(1, b"\xff\x00"), (2, b"two")]


def test_kept_rows_of_parquet_stay_under_their_schema(tmp_path: Path) -> None:
    path = parquet(tmp_path / "rows.parquet", ["one", "two", "three", "four"], pa.large_string())
    kept = pq.read_table(keep(Parquet(), path, tmp_path / "out", {2, 3}))
    assert kept.to_pydict() == {"id": [1, 2], "text": ["two", "three"]}
    assert kept.schema.equals(pq.read_schema(path), check_metadata=True)
    nothing = pq.read_table(keep(Parquet(), path, tmp_path / "out", set()))
    assert (nothing.num_rows, nothing.schema) == (0, pq.read_schema(path))


def test_many_rows_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH", 10)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": str(n)}) + "\n" for n in range(25)))
    assert [len(part.items) for part in JsonLines().read(path, "text")] == [10, 10, 5]
    assert read(JsonLines(), path) == [(n + 1, str(n)) for n in range(25)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "one"}\n{"text": 2}\n', "line 2: the field 'text' holds 2, not a text"),
        ("a.jsonl", b'{"text": null}\n', "line 1: the field 'text' holds null"),
        (
            "a.jsonl",
            b'{"body": "one", "id": 1}\n',
            "row 1: no field 'text'; there are body, id. Say which with --field",
        ),
        ("a.jsonl", b"[1]\n", "no field 'text'; it has none"),
        ("a.jsonl", b'{"text": \n', "line 1: not JSON in UTF-8"),
        ("a.jsonl", b'{"text": "\xff"}\n', "line 1: not JSON in UTF-8"),
        ("a.csv", b"body,id\none,1\n", "no field 'text'; there are body, id"),
        ("a.csv", b"", "no field 'text'; it has none"),
        ("a.csv", b"id,text\n1\n", "record 1: 1 fields, and 'text' is number 2"),
        ("a.csv", b"text\n\xff\n", "is not CSV in UTF-8"),
        ("a.parquet", b"nothing of the sort", "is not Parquet"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_row(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    table: Table = {".jsonl": JsonLines(), ".csv": Csv(), ".parquet": Parquet()}[path.suffix]
    with pytest.raises(ContentError) as caught:
        read(table, path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_parquet_that_holds_no_text_or_nothing_at_all_is_refused_by_row(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="the field 'text' holds int64, neither text nor bytes"):
        read(Parquet(), parquet(tmp_path / "rows.parquet", [1, 2], pa.int64()))
    with pytest.raises(ContentError, match="row 3: the field 'text' is null"):
        read(Parquet(), parquet(tmp_path / "rows.parquet", ["one", "two", None], pa.string()))
