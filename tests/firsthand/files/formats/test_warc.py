"""Web archives: payloads are items, and kept records stay byte for byte."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from warcio.archiveiterator import ArchiveIterator

from firsthand.errors import ContentError
from firsthand.files.formats import Warc
from tests.firsthand.conftest import Firsthand

PAGES = [b"<p>people wrote this</p>", b"<p>a model wrote this</p>", b"\x89PNG\xff", b""]


def record(kind: str, content: bytes, content_type: str = "application/http") -> bytes:
    """By ISO 28500, as far as a reader looks."""
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content + b"\r\n\r\n"


def response(body: bytes, header: bytes = b"Content-Type: text/html") -> bytes:
    return record("response", b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n" + body)


RECORDS = [
    record("warcinfo", b"software: a test\r\n", "application/warc-fields"),
    record("request", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    response(PAGES[0]),
    response(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGES[1]), PAGES[1]), b"Transfer-Encoding: chunked"),
    response(gzip.compress(PAGES[2]), b"Content-Encoding: gzip"),
    response(PAGES[3]),
    record("conversion", b"a conversion", "text/plain"),
    record("resource", b"a resource", "text/plain"),
    record("revisit", b"HTTP/1.1 200 OK\r\n\r\n"),
]


@pytest.fixture(params=["crawl.warc", "crawl.warc.gz"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A request, four responses (one chunked, one gzipped on the wire), a conversion, a resource and a revisit."""
    path: Path = tmp_path / request.param
    records = [gzip.compress(record, mtime=0) for record in RECORDS] if path.suffix == ".gz" else RECORDS
    path.write_bytes(b"".join(records))
    return path


ITEMS = [*PAGES, b"a conversion", b"a resource"]


def test_payloads_are_items_as_a_browser_would_show_them(archive: Path) -> None:
    (rows,) = Warc().read(archive, "text")
    assert rows.items.to_pylist() == ITEMS


def test_payloads_are_those_of_warcio(archive: Path) -> None:
    with archive.open("rb") as file:
        kinds = ("response", "resource", "conversion")
        payloads = [record.content_stream().read() for record in ArchiveIterator(file) if record.rec_type in kinds]
    (rows,) = Warc().read(archive, "text")
    assert rows.items.to_pylist() == payloads


def test_a_row_is_called_by_its_offset(archive: Path) -> None:
    (rows,) = Warc().read(archive, "text")
    for offset, item in zip(rows.numbers, ITEMS, strict=True):
        with archive.open("rb") as file:
            file.seek(offset)
            assert next(iter(ArchiveIterator(file))).content_stream().read() == item


def test_kept_records_stay_byte_for_byte_after_the_warcinfo(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / archive.name
    out.parent.mkdir()
    with Warc().writing(out, like=archive) as writer:
        for rows in Warc().read(archive, "text", whole=True):
            writer.write(rows, np.array([True, False, False, True, False, True]))
    with out.open("rb") as file:
        assert [record.rec_type for record in ArchiveIterator(file)] == ["warcinfo", "response", "response", "resource"]
    (rows,) = Warc().read(out, "text")
    assert rows.items.to_pylist() == [ITEMS[0], ITEMS[3], ITEMS[5]]
    everything = tmp_path / "all" / archive.name
    everything.parent.mkdir()
    with Warc().writing(everything, like=out) as writer:
        for rows in Warc().read(out, "text", whole=True):
            writer.write(rows, np.ones(3, dtype=np.bool_))
    assert everything.read_bytes() == out.read_bytes()


def test_archives_are_checked_and_filtered(firsthand: Firsthand, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(b" <p>people  wrote this</p>\n")
    firsthand("dataset", "create", "local/pages", "--profile", "text-1")
    firsthand("register", tmp_path / "page.html", "--dataset", "local/pages", "--human")
    counts = firsthand("check", archive, "--json").json["counts"]
    assert (counts["human"], counts["unknown"]) == (1, 5)
    ran = firsthand("filter", archive, "--verdict", "human", "--out", tmp_path / "out")
    assert "1 of 6 items kept" in ran.out
    (rows,) = Warc().read(tmp_path / "out" / archive.name, "text")
    assert rows.items.to_pylist() == [PAGES[0]]


def test_an_archive_that_was_cut_off_is_an_error_that_names_it(archive: Path) -> None:
    content = archive.read_bytes()
    (rows,) = Warc().read(archive, "text")
    tail = 12 if archive.suffix == ".gz" else 5  # what comes after the content: a check sum, or two ends of line
    for cut in range(rows.numbers[0] + 1, rows.numbers[1] - tail):
        archive.write_bytes(content[:cut])
        with pytest.raises(ContentError, match=rf"{archive.name} cannot be read as WARC"):
            list(Warc().read(archive, "text"))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(b"nothing of the sort\n" * 20)
    with pytest.raises(ContentError, match=r"a\.warc cannot be read as WARC"):
        list(Warc().read(tmp_path / "a.warc", "text"))
