"""WARC, the format of web archives (ISO 28500): the payload of each response, resource and conversion is an item.

The payload of a response is the content that a browser shows: without HTTP headers, chunks and content encoding.
Requests, metadata and revisits are not items, so a WAT file has no items. A filtered file contains the `warcinfo`
record of the original file and the selected records, byte for byte and compressed as before.

In a compressed archive, each record is a separate member (a gzip member or a zstd frame). The number of a record is the
byte offset of its member, as in the indexes of web archives.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firsthand.errors import ContentError, RowError
from firsthand.files import compression
from firsthand.files.formats import base, http_payload, members
from firsthand.files.formats.base import RowErrors, Rows, RowWriter
from firsthand.files.locations import Location, ReadMeter, open_binary

_ITEMS = (b"response", b"resource", b"conversion")

#: The maximum length of a line in the header of a record, in bytes.
_LONGEST_HEADER = 2**20
_LINE_ENDS = (b"\r\n", b"\n")
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")


class _WarcRecord(NamedTuple):
    """A record of an archive: its position in the file, its headers, and its block (the content after the header)."""

    offset: int
    length: int
    headers: dict[bytes, bytes]
    block: bytes

    @property
    def kind(self) -> bytes:
        return self.headers.get(b"warc-type", b"").lower()


class _Extent(NamedTuple):
    """The position of a record in its file, in bytes."""

    offset: int
    length: int


class Warc:
    """The format of web archives. Their records have no fields, so `field` has no effect."""

    def read(
        self,
        location: Location,
        field: str,
        whole: bool = False,
        skip: bool = False,
        meter: ReadMeter | None = None,
    ) -> Iterator[Rows]:
        errors = RowErrors(skip)
        part: list[tuple[_Extent, bytes | None]] = []
        size = 0
        for record in _records(location, meter):
            if record.kind not in _ITEMS:
                continue
            payload = _payload(location, record, errors)
            part.append((_Extent(record.offset, record.length), payload))
            size += len(payload or b"")
            if size >= base.BLOCK or len(part) == base.BATCH:
                yield _rows(part, errors)
                part, size = [], 0
        if part:
            yield _rows(part, errors)

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        first = next(_records(like), None)
        with open_binary(like) as source, path.open("wb") as file:
            writer = _WarcRecordWriter(source, file)
            if first is not None and first.kind == b"warcinfo":
                writer.copy(_Extent(first.offset, first.length))
            yield writer

    def estimate_rows(self, path: Path) -> None:
        return None


@dataclass(frozen=True)
class _WarcRecordWriter:
    source: IO[bytes]
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        for extent in compress(rows.raw, keep):
            self.copy(extent)

    def copy(self, extent: _Extent) -> None:
        self.source.seek(extent.offset)
        self.file.write(self.source.read(extent.length))


def _rows(part: list[tuple[_Extent, bytes | None]], errors: RowErrors) -> Rows:
    items = pa.array([payload for _, payload in part], pa.large_binary())
    return Rows([extent.offset for extent, _ in part], items, [extent for extent, _ in part], errors.take())


def _payload(location: Location, record: _WarcRecord, errors: RowErrors) -> bytes | None:
    """Return the item in a record. If the payload cannot be decoded, add the error to `errors` and return None."""
    is_http = record.headers.get(b"content-type", b"").lower().startswith(b"application/http")
    if record.kind != b"response" or not (is_http or record.block.startswith(b"HTTP/")):
        return record.block
    try:
        return http_payload.decode(record.block, truncated=b"warc-truncated" in record.headers)
    except ValueError as error:
        where = f"the record at byte {record.offset:,}"
        errors.add(RowError(str(location), where, record.offset, str(error)))
        return None


def _records(location: Location, meter: ReadMeter | None = None) -> Iterator[_WarcRecord]:
    """Yield all records. Raises ContentError if the file is cut off, damaged or not a web archive."""
    try:
        with open_binary(location, meter) as file:
            compressed = members.of(file)
            if compressed is None:
                yield from _one_after_another(file)
            else:
                yield from map(_only_record, compressed)
    except (*compression.ERRORS, ValueError) as error:
        if isinstance(error, ContentError):
            raise
        reason = compression.reason(error, str(location))
        raise ContentError(f"{location} cannot be read as WARC: {reason}") from None


def _one_after_another(file: IO[bytes]) -> Iterator[_WarcRecord]:
    """Yield the records of an archive that is not compressed. Raises EOFError or ValueError."""
    offset = 0
    line = file.readline(_LONGEST_HEADER)
    while line:
        if not line.startswith(b"WARC/"):
            _parse([line], offset)
        header = [line]
        while (line := file.readline(_LONGEST_HEADER)) not in (*_LINE_ENDS, b""):
            header.append(line)
        if not line:
            raise EOFError(f"the record at byte {offset:,} is incomplete")
        headers, length = _parse(header, offset)
        size = sum(map(len, header)) + len(line) + length
        block = members.exactly(file, length)
        if len(block) < length:
            raise EOFError(f"the record at byte {offset:,} is incomplete")
        ends = 0
        while (line := file.readline(_LONGEST_HEADER)) in _LINE_ENDS:
            ends, size = ends + 1, size + len(line)
        if line and not ends:
            raise ValueError(f"the record at byte {offset:,} does not have the length of its header Content-Length")
        yield _WarcRecord(offset, size, headers, block)
        offset += size


def _only_record(member: members.Member) -> _WarcRecord:
    """Return the record in a member of a compressed archive.

    Raises EOFError if the record is cut off, and ValueError if the member is not exactly one record.
    """
    content = member.content
    header = _END_OF_HEADER.search(content)
    if header is None:
        if not content.startswith(b"WARC/"):
            _parse([content], member.offset)
        raise EOFError(f"the record at byte {member.offset:,} is incomplete")
    headers, length = _parse(content[: header.start()].splitlines(keepends=True), member.offset)
    block = content[header.end() : header.end() + length]
    following = content[header.end() + length :].lstrip(b"\r\n")
    if len(block) < length:
        raise EOFError(f"the record at byte {member.offset:,} is incomplete")
    if following.startswith(b"WARC/"):
        raise ValueError(
            f"the records from byte {member.offset:,} on are compressed as one member. Compress each record "
            "separately, for example with: warcio recompress FILE NEW"
        )
    if following:
        raise ValueError(f"the record at byte {member.offset:,} does not have the length of its header Content-Length")
    return _WarcRecord(member.offset, member.length, headers, block)


def _parse(lines: list[bytes], offset: int) -> tuple[dict[bytes, bytes], int]:
    """Return the headers of a record, with names in lower case, and the length of its block. Raises ValueError."""
    if not lines[0].startswith(b"WARC/"):
        start = lines[0][:40].decode("utf-8", "backslashreplace").strip()
        raise ValueError(f"there is no record at byte {offset:,}; these bytes begin with {start!r}")
    headers: dict[bytes, bytes] = {}
    name = b""
    for line in lines[1:]:
        if line[:1] in b" \t" and name:  # a value that continues on the next line
            headers[name] += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        if not colon:
            raise ValueError(f"the header of the record at byte {offset:,} is damaged")
        headers.setdefault(name, value.strip())
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        raise ValueError(f"the record at byte {offset:,} has no valid Content-Length")
    return headers, int(length)
