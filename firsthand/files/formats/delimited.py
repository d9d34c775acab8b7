"""CSV and TSV: a header and records; a record may run over several lines. A kept record stays byte for byte."""

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
from firsthand.files.formats.base import Rows, Writer, no_field, of_texts
from firsthand.files.locations import Place

#: csv refuses fields above 128 KiB otherwise, and texts are longer than that.
_LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Csv:
    """A header and records."""

    delimiter: str = ","

    def read(self, place: Place, field: str, whole: bool = False) -> Iterator[Rows]:
        records = self._records(place)
        _, header = next(records, (b"", []))
        if field not in header:
            raise no_field(place, 1, field, header)
        column = header.index(field)
        numbered = enumerate(records, 1)
        while part := list(islice(numbered, base.BATCH)):
            items = [_item(place, number, record, column, field) for number, (_, record) in part]
            yield Rows([number for number, _ in part], of_texts(items), [raw for _, (raw, _) in part])

    @contextmanager
    def writing(self, path: Path, like: Place) -> Iterator[Writer]:
        header, _ = next(self._records(like), (b"", []))
        with compression.writing(path, like) as file:
            file.write(header)
            yield _RecordWriter(file)

    def _records(self, place: Place) -> Iterator[tuple[bytes, list[str]]]:
        """Each record with the bytes that it was read from."""
        csv.field_size_limit(_LONGEST_FIELD)
        with compression.reading(place) as file:
            tape: list[bytes] = []
            try:
                for record in csv.reader(_recorded(file, tape), delimiter=self.delimiter):
                    raw = b"".join(tape)
                    tape.clear()
                    if record:
                        yield raw, record
            except (csv.Error, UnicodeDecodeError) as error:
                raise ContentError(f"{place} is not CSV in UTF-8: {error}") from None


@dataclass(frozen=True)
class _RecordWriter:
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        self.file.writelines(compress(rows.raw, keep))


def _recorded(file: IO[bytes], tape: list[bytes]) -> Iterator[str]:
    for number, line in enumerate(file):
        tape.append(line)
        yield line.decode("utf-8" if number else "utf-8-sig")


def _item(place: Place, number: int, record: list[str], column: int, field: str) -> str:
    if len(record) <= column:
        raise ContentError(f"{place}, record {number}: {len(record)} fields, and {field!r} is number {column + 1}")
    return record[column]
