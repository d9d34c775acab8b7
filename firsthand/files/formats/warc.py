"""WARC, the form of web archives (ISO 28500): the payload of each response, resource and conversion is an item.

Read by warcio (Apache-2.0, pure Python), which is an extra. Of a response the payload is what a browser would be
shown: without its HTTP headers, its chunks and its content encoding. A kept record stays byte for byte, compressed by
itself as before, after the `warcinfo` that the file began with; requests, metadata and revisits are no items.
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
from firsthand.files.formats.base import Rows, Writer
from firsthand.files.locations import Place, opened

_ITEMS = ("response", "resource", "conversion")


class _Record(NamedTuple):
    """Where a record stands in its file, and its payload where it is an item."""

    kind: str
    offset: int
    length: int
    payload: bytes | None


class Warc:
    """Web archives. They have no fields: `field` says nothing here."""

    def read(self, place: Place, field: str, whole: bool = False) -> Iterator[Rows]:
        part: list[_Record] = []
        size = 0
        for record in _records(place):
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
    def writing(self, path: Path, like: Place) -> Iterator[Writer]:
        first = next(_records(like), None)
        with opened(like) as source, path.open("wb") as file:
            if first is not None and first.kind == "warcinfo":
                _copy(source, file, first)
            yield _RecordWriter(source, file)


@dataclass(frozen=True)
class _RecordWriter:
    source: IO[bytes]
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        for record in compress(rows.raw, keep):
            _copy(self.source, self.file, record)


def _copy(source: IO[bytes], file: IO[bytes], record: _Record) -> None:
    source.seek(record.offset)
    content = source.read(record.length)
    file.write(content)
    if content.startswith(b"WARC/"):  # not compressed: two ends of line, which warcio does not count, close a record
        file.write(b"\r\n\r\n")


def _rows(part: list[_Record]) -> Rows:
    items = pa.array([record.payload for record in part], pa.large_binary())
    return Rows([record.offset for record in part], items, [record._replace(payload=None) for record in part])


def _records(place: Place) -> Iterator[_Record]:
    try:
        from warcio.archiveiterator import ArchiveIterator  # only for who has web archives
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError:
        raise ContentError(f"{place}: reading WARC takes warcio; pip install 'firsthand[warc]'") from None
    try:
        with opened(place) as file:
            found, end = ArchiveIterator(file), 0
            for record in found:
                payload = record.content_stream().read() if record.rec_type in _ITEMS else None
                offset, length = found.get_record_offset(), found.get_record_length()
                if not record.rec_headers.get_header("Content-Length") or record.raw_stream.limit > 0:
                    raise _cut_off(offset)
                yield _Record(record.rec_type, offset, length, payload)
                end = offset + length
            file.seek(end)
            if file.read().strip():  # what warcio takes for the end may be a record that was cut off
                raise _cut_off(end)
    except (ArchiveLoadFailed, OSError, EOFError, ValueError, zlib.error, AttributeError) as error:
        # warcio meets headers that are cut off with an AttributeError of its own
        raise ContentError(f"{place} is not WARC that can be read: {' '.join(str(error).split())}") from None


def _cut_off(offset: int) -> EOFError:
    return EOFError(f"it ends in the middle of the record at byte {offset:,}")
