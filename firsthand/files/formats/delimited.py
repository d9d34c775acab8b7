"""CSV and TSV: a header and records. A record can have several lines. Selected records are written byte for byte."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from firsthand.errors import ContentError
from firsthand.files import compression
from firsthand.files.formats import base
from firsthand.files.formats.base import Rows, RowWriter, no_field, text_column
from firsthand.files.locations import Location

#: By default, Python's csv module refuses fields above 128 KiB, but texts can be longer.
_LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Csv:
    """The format with a header, then records whose fields are separated by `delimiter`."""

    delimiter: str = ","

    def read(self, location: Location, field: str, whole: bool = False) -> Iterator[Rows]:
        records = self._records(location)
        _, header = next(records, (b"", []))
        if field not in header:
            raise no_field(location, 1, field, header)
        column = header.index(field)
        numbered = enumerate(records, 1)
        while part := list(islice(numbered, base.BATCH)):
            items = []
            for number, (_, record) in part:
                if len(record) <= column:
                    raise ContentError(
                        f"{location}, record {number}: there are {len(record)} fields, and the field {field!r} is"
                        f" number {column + 1}; add the missing fields"
                    )
                items.append(record[column])
            yield Rows([number for number, _ in part], text_column(items), [raw for _, (raw, _) in part])

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        header, _ = next(self._records(like), (b"", []))
        with compression.writing(path, like) as file:
            file.write(header)
            yield _CsvRecordWriter(file)

    def estimate_rows(self, path: Path) -> int:
        return base.estimate_lines(path)

    def _records(self, location: Location) -> Iterator[tuple[bytes, list[str]]]:
        """Yield each record: its bytes in the file, and its fields."""
        csv.field_size_limit(_LONGEST_FIELD)
        with compression.reading(location) as file:
            lines: list[bytes] = []  # the lines that were read since the last record
            try:
                for record in csv.reader(_recording(file, lines), delimiter=self.delimiter):
                    raw = b"".join(lines)
                    lines.clear()
                    if record:
                        yield raw, record
            except (csv.Error, UnicodeDecodeError) as error:
                raise ContentError(
                    f"{location} is not CSV in UTF-8: {error}. Convert the file to UTF-8, or correct it"
                ) from None


@dataclass(frozen=True)
class _CsvRecordWriter:
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        self.file.writelines(compress(rows.raw, keep))


def _recording(file: IO[bytes], lines: list[bytes]) -> Iterator[str]:
    """Yield the lines of a file as text, and append the bytes of each line to `lines`."""
    for number, line in enumerate(file):
        lines.append(line)
        yield line.decode("utf-8" if number else "utf-8-sig")
