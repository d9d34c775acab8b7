"""Tables are read row by row, and what is kept of them stays as it stood."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.errors import ContentError
from firsthand.files.formats import Csv, JsonLines, Parquet, RowFormat, base


def read(table: RowFormat, path: Path, field: str = "text") -> list[tuple[int, str | bytes | None]]:
    return [
        (n, item)
        for part in table.read(path, field)
        for n, item in zip(part.numbers, part.items.to_pylist(), strict=True)
    ]


def keep(table: RowFormat, path: Path, out: Path, kept: set[int]) -> Path:
    """A copy with the rows of these numbers."""
    with table.writing(out, like=path) as writer:
        for part in table.read(path, "text", whole=True):
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
    assert read(Csv(), path) == [(1, "x" * 1_000_000)]


def test_tabs_separate_where_the_name_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text("id\ttext\n1\tone, two\n")
    assert read(Csv("\t"), path) == [(1, "one, two")]


@pytest.mark.parametrize("end", [".gz", ".zst"])
@pytest.mark.parametrize(("table", "content"), [(JsonLines(), JSONL), (Csv(), CSV)])
def test_packed_tables_are_read_and_written_packed(tmp_path: Path, table: RowFormat, content: bytes, end: str) -> None:
    path = packed(tmp_path / f"rows{end}", content)
    everything = {1, 2, 3, 4}
    first = keep(table, path, tmp_path / f"first{end}", everything).read_bytes()
    assert first != content
    assert len(read(table, tmp_path / f"first{end}")) == 3
    assert keep(table, path, tmp_path / f"second{end}", everything).read_bytes() == first


@pytest.mark.parametrize("end", [".gz", ".zst"])
def test_files_packed_piece_by_piece_are_read_to_their_end(tmp_path: Path, end: str) -> None:
    pieces = [packed(tmp_path / f"piece{end}", b'{"text": "%d"}\n' % n).read_bytes() for n in range(3)]
    (tmp_path / f"rows{end}").write_bytes(b"".join(pieces))
    assert read(JsonLines(), tmp_path / f"rows{end}") == [(1, "0"), (2, "1"), (3, "2")]


@pytest.mark.parametrize("end", [".gz", ".zst"])
def test_a_packed_file_that_was_cut_off_is_an_error_that_names_it(tmp_path: Path, end: str) -> None:
    path = packed(tmp_path / f"rows{end}", JSONL * 100)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ContentError, match=rf"rows\{end} cannot be read: .*runcated"):
        read(JsonLines(), path)


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else pa.compress(content, "zstd", asbytes=True))
    return path


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


def test_a_deep_line_is_no_fall(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "a", "n": ' + b"[" * 500_000 + b"]" * 500_000 + b"}")
    assert read(JsonLines(), path) == [(1, "a")]
    path.write_bytes(path.read_bytes() + b'\n{"text": null}')  # parsed line by line now
    assert read(JsonLines(), path) == [(1, "a"), (2, None)]


def test_rows_of_parquet_stay_packed_as_they_were(tmp_path: Path) -> None:
    path, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": ["one", "two"], "n": [1, 2]}), path, compression={"text": "zstd", "n": "none"})
    keep(Parquet(), path, out, {2})
    group = pq.ParquetFile(out).metadata.row_group(0)
    assert [group.column(n).compression for n in range(2)] == ["ZSTD", "UNCOMPRESSED"]


def test_few_kept_rows_do_not_become_many_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BATCH", 10)
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": [str(n) for n in range(100)]}), path)
    kept = keep(Parquet(), path, tmp_path / "out.parquet", set(range(1, 101, 7)))
    assert pq.ParquetFile(kept).metadata.num_row_groups == 1
    assert pq.read_table(kept)["text"].to_pylist() == [str(n) for n in range(0, 100, 7)]


def test_only_the_asked_column_of_parquet_is_read_where_no_row_is_kept(tmp_path: Path) -> None:
    path = parquet(tmp_path / "rows.parquet", ["one"], pa.string())
    assert [part.raw for part in Parquet().read(path, "text")] == [None]


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 7, 40, 2**22])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_lines_are_read_in_blocks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, end: bytes
) -> None:
    monkeypatch.setattr(base, "BLOCK", block)
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"n": n, "text": f"text {n}" * n}).encode() for n in range(25)]
    path.write_bytes((end or b"\n").join(lines) + end)
    assert read(JsonLines(), path) == [(n + 1, f"text {n}" * n) for n in range(25)]
    assert keep(JsonLines(), path, tmp_path / "out", set(range(1, 26))).read_bytes() == path.read_bytes()


STRANGE = [
    b'{"text": "a", "text": "b"}',
    b'{"text": "\\ud800 alone"}',
    b'{"text": "a"}{"text": "b"}',
    b'{"text": "a", "more": NaN}',
    b'{"text": "a", "more": {"text": 5}}',
    b'{"more": [{"text": 5}], "text": "a"}',
    b'{"te\\u0078t": "a\\u0000z"}',
    b'{"text": "\\ud83d\\ude00"}',
    b'{"text": "tab\there"}',
    b'{"text": "a", "n": 1e999}',
    b'{"text": "a", "n": 1' + b"0" * 400 + b"}",
    b'{"text": "a", "n": 01}',
    b'{"text": "a", "n": "\xff"}',
    b'{"text": "2020-01-01T00:00:00Z"}',
    b'{"text": "a"} // said',
    b'\xef\xbb\xbf{"text": "a"}',
    b'{"text": "a"},',
    b'{"text": "a"}}',
    b'{"text": null}',
    b"{}",
    b"null",
    b'{"text":',
    b'"a"}',
    b"}",
]


@pytest.mark.slow
@pytest.mark.parametrize("line", STRANGE)
@pytest.mark.parametrize("around", [b"%s\n", b'{"text": "x"}\n%s\n{"text": "y"}\n', b'{"text": "x"}\n\n%s'])
def test_lines_parsed_in_blocks_are_those_that_python_parses_one_by_one(
    tmp_path: Path, line: bytes, around: bytes
) -> None:
    """Where Python's parser takes a line, blocks give its text; where it does not, reading fails on its number."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(around % line)
    expected: list[tuple[int, Any]] = []
    refused = None
    for number, row in enumerate(path.read_bytes().split(b"\n"), 1):
        if row.strip() and refused is None:
            try:
                expected.append((number, json.loads(row.decode("utf-8-sig"))["text"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                refused = number
    if refused is not None:
        with pytest.raises(ContentError, match=rf"(line|row) {refused}:"):
            read(JsonLines(), path)
        return
    rows = [(n, i.decode("utf-8", "surrogatepass") if isinstance(i, bytes) else i) for n, i in read(JsonLines(), path)]
    assert rows == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "one"}\n{"text": 2}\n', "line 2: the field 'text' must hold a text, but holds 2"),
        (
            "a.jsonl",
            b'{"body": "one", "id": 1}\n',
            "line 1: there is no field 'text'; the fields are body, id. Choose one with --field",
        ),
        ("a.jsonl", b"{}\n", "line 1: there is no field 'text'; the row has no fields"),
        ("a.jsonl", b'{"text": \n', "line 1: not JSON in UTF-8"),
        ("a.jsonl", b'{"text": "\xff"}\n', "line 1: not JSON in UTF-8"),
        ("a.csv", b"body,id\none,1\n", "no field 'text'; the fields are body, id"),
        ("a.csv", b"id,text\n1\n", "line 2, record 1: the record has 1 field, but the header has 2"),
        ("a.csv", b"text\n\xff\n", "line 2, record 1: byte 1 of the line is not UTF-8"),
        ("a.parquet", b"nothing of the sort", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_row(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    tables: dict[str, RowFormat] = {".jsonl": JsonLines(), ".csv": Csv(), ".parquet": Parquet()}
    with pytest.raises(ContentError) as caught:
        read(tables[path.suffix], path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_parquet_that_holds_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="the field 'text' must hold texts or bytes, but holds int64"):
        read(Parquet(), parquet(tmp_path / "rows.parquet", [1, 2], pa.int64()))


def test_a_null_is_a_row_without_an_item(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": null}\n{"text": "two"}\n')
    assert read(JsonLines(), tmp_path / "rows.jsonl") == [(1, None), (2, "two")]
    assert read(Parquet(), parquet(tmp_path / "rows.parquet", [None, "two"], pa.string())) == [(1, None), (2, "two")]
