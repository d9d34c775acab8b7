"""The progress of `check` and `filter`: the bytes of all parts are the bytes of all files, in every format."""

import bz2
import gzip
import json
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.checking import check as checking
from firsthand.checking import filter as filtering
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.files import discover
from firsthand.files.formats import base
from tests.factories import TEXTS, write_snapshot

ROWS = [json.dumps({"text": f"{text} {number}"}) for number in range(3_000) for text in TEXTS]


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    folder = tmp_path / "crawl"
    folder.mkdir()
    content = "".join(row + "\n" for row in ROWS).encode()
    (folder / "a.jsonl").write_bytes(content)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(content))
    (folder / "c.csv.bz2").write_bytes(bz2.compress(b"text\n" + b"one\n" * 50_000))
    pq.write_table(pa.table({"text": ["a"] * 9, "other": ["long" * 500] * 9}), folder / "d.parquet", compression="none")
    record = b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 3\r\n\r\none\r\n\r\n"
    (folder / "e.warc").write_bytes(record * 100)
    (folder / "f.jsonl.zst").write_bytes(pa.compress(content, "zstd", asbytes=True))
    (folder / "g.jsonl.gz").write_bytes(gzip.compress(content)[:-500])
    (folder / "h.txt").write_text("a page")
    (folder / "i.csv").write_text("")
    return folder


@pytest.mark.slow
def test_the_bytes_of_all_parts_are_the_bytes_of_all_files(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "BLOCK", 2**16)  # several parts per file
    files = discover.find([crawl])
    source = SnapshotSource(write_snapshot(tmp_path / "snapshot"))
    read: dict[str | None, list[int]] = {}
    for part in checking.check(files, "text", source, on_error="skip"):
        read.setdefault(part.file, []).append(part.read_bytes)
    for file in files:
        assert sum(read[str(file.path) if file.row_format else None]) == file.size()
    assert all(size >= 0 for sizes in read.values() for size in sizes)
    of_lines = list(accumulate(read[str(crawl / "a.jsonl")]))
    assert len(of_lines) > 4
    assert of_lines[0] < of_lines[-1]
    filtered = filtering.by_verdict(files, "text", tmp_path / "out", source, ["human"], on_error="skip")
    assert sum(part.read_bytes for part in filtered) == discover.total_size(files) == sum(map(sum, read.values()))
