"""WARC, the format of web archives (ISO 28500): the payload of each response, resource and conversion is an item.

The reader is warcio (Apache-2.0, pure Python), an optional dependency. The payload of a response is the content that
a browser shows: without HTTP headers, chunks and content encoding. Requests, metadata and revisits are not items. A
filtered file contains the `warcinfo` record of the original and the selected records, byte for byte and compressed as
before.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firsthand.errors import ContentError
from firsthand.files.formats import base
from firsthand.files.formats.base import Rows, RowWriter
from firsthand.files.locations import Location, open_binary

_ITEMS = ("response", "resource", "conversion")


class _WarcRecord(NamedTuple):
    """The position of a record in its file, and its payload if it is an item."""

    kind: str
    offset: int
    length: int
    payload: bytes | None


class Warc:
    """The format of web archives. Their records have no fields, so `field` is ignored."""

    def read(self, location: Location, field: str, whole: bool = False) -> Iterator[Rows]:
        part: list[_WarcRecord] = []
        size = 0
        for record in _records(location):
            if record.payload is None:
                continue
            part.append(record)
            size += len(record.payload)
            if size >= base.BLOCK or len(part) == base.BATCH:
                yield _rows(part)
                part, size = [], 0
        if part:
            yield _rows(part)

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        first = next(_records(like), None)
        with open_binary(like) as source, path.open("wb") as file:
            if first is not None and first.kind == "warcinfo":
                _copy(source, file, first)
            yield _WarcRecordWriter(source, file)

    def estimate_rows(self, path: Path) -> None:
        return None


@dataclass(frozen=True)
class _WarcRecordWriter:
    source: IO[bytes]
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        for record in compress(rows.raw, keep):
            _copy(self.source, self.file, record)


def _copy(source: IO[bytes], file: IO[bytes], record: _WarcRecord) -> None:
    source.seek(record.offset)
    content = source.read(record.length)
    file.write(content)
    if content.startswith(b"WARC/"):  # Not compressed: two line ends follow a record, and warcio does not count them.
        file.write(b"\r\n\r\n")


def _rows(part: list[_WarcRecord]) -> Rows:
    items = pa.array([record.payload for record in part], pa.large_binary())
    return Rows([record.offset for record in part], items, [record._replace(payload=None) for record in part])


def _records(location: Location) -> Iterator[_WarcRecord]:
    try:
        from warcio.archiveiterator import ArchiveIterator  # an optional dependency: needed for WARC only
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError:
        raise ContentError(
            f"{location}: reading WARC needs warcio. Install it with: pip install 'firsthand[warc]'"
        ) from None
    try:
        with open_binary(location) as file:
            records, end = ArchiveIterator(file), 0
            for record in records:
                payload = record.content_stream().read() if record.rec_type in _ITEMS else None
                offset, length = records.get_record_offset(), records.get_record_length()
                if not record.rec_headers.get_header("Content-Length") or record.raw_stream.limit > 0:
                    raise _cut_off(offset)
                yield _WarcRecord(record.rec_type, offset, length, payload)
                end = offset + length
            file.seek(end)
            if file.read().strip():  # warcio ends without an error if the last record is cut off
                raise _cut_off(end)
    except (ArchiveLoadFailed, OSError, EOFError, ValueError, zlib.error, AttributeError) as error:
        # warcio raises AttributeError for headers that are cut off
        raise ContentError(
            f"{location} cannot be read as WARC: {' '.join(str(error).split())}. Check that the file is complete"
        ) from None


def _cut_off(offset: int) -> EOFError:
    return EOFError(f"the record at byte {offset:,} is incomplete")
