"""Files whose rows are items: JSON lines, CSV and Parquet, read and written row by row.

A filtered file keeps each row as it stood, byte for byte (Parquet: value for value, under the same schema).
"""

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from firsthand.errors import ContentError

#: Rows read at once.
BATCH = 20_000

#: csv refuses fields above 128 KiB otherwise, and texts are longer than that.
_LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one file."""

    #: What a reader would call each: its line in JSON lines, its record in CSV and Parquet, from 1.
    numbers: list[int]
    #: What stands in the asked field of each: the item.
    items: Sequence[str | bytes]
    #: The rows whole, in the form that the same format's writer takes.
    raw: Any


class Writer(Protocol):
    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        """Write the rows that `keep`, `[n]`, says."""


class Table(Protocol):
    """A format. Reading raises ContentError, which names the file, the row and what there is instead."""

    def read(self, path: Path, field: str) -> Iterator[Rows]: ...

    def writing(self, path: Path, like: Path) -> AbstractContextManager[Writer]:
        """A writer of a file at `path` that has the form of the one at `like`."""


class JsonLines:
    """One JSON object a line; blank lines are no rows."""

    def read(self, path: Path, field: str) -> Iterator[Rows]:
        with _reading(path) as file:
            lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
            while part := list(islice(lines, BATCH)):
                items = [_json_item(path, number, line, field) for number, line in part]
                yield Rows([number for number, _ in part], items, [line for _, line in part])

    @contextmanager
    def writing(self, path: Path, like: Path) -> Iterator[Writer]:
        with _writing(path, like) as file:
            yield _LineWriter(file)


@dataclass(frozen=True)
class Csv:
    """A header and records; a record may run over several lines."""

    delimiter: str = ","

    def read(self, path: Path, field: str) -> Iterator[Rows]:
        records = self._records(path)
        _, header = next(records, (b"", []))
        if field not in header:
            raise no_field(path, 1, field, header)
        column = header.index(field)
        numbered = enumerate(records, 1)
        while part := list(islice(numbered, BATCH)):
            items = [_csv_item(path, number, record, column, field) for number, (_, record) in part]
            yield Rows([number for number, _ in part], items, [raw for _, (raw, _) in part])

    @contextmanager
    def writing(self, path: Path, like: Path) -> Iterator[Writer]:
        header, _ = next(self._records(like), (b"", []))
        with _writing(path, like) as file:
            file.write(header)
            yield _LineWriter(file)

    def _records(self, path: Path) -> Iterator[tuple[bytes, list[str]]]:
        """Each record with the bytes that it was read from."""
        csv.field_size_limit(_LONGEST_FIELD)
        with _reading(path) as file:
            tape: list[bytes] = []
            try:
                for record in csv.reader(_recorded(file, tape), delimiter=self.delimiter):
                    raw = b"".join(tape)
                    tape.clear()
                    if record:
                        yield raw, record
            except (csv.Error, UnicodeDecodeError) as error:
                raise ContentError(f"{path} is not CSV in UTF-8: {error}") from None


@dataclass(frozen=True)
class _LineWriter:
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        self.file.writelines(compress(rows.raw, keep))


def _recorded(file: IO[bytes], tape: list[bytes]) -> Iterator[str]:
    for number, line in enumerate(file):
        tape.append(line)
        yield line.decode("utf-8" if number else "utf-8-sig")


def _json_item(path: Path, number: int, line: bytes, field: str) -> str:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        raise ContentError(f"{path}, line {number}: not JSON in UTF-8 ({error})") from None
    if not isinstance(row, dict) or field not in row:
        raise no_field(path, number, field, list(row) if isinstance(row, dict) else [])
    item = row[field]
    if not isinstance(item, str):
        raise ContentError(f"{path}, line {number}: the field {field!r} holds {json.dumps(item)[:40]}, not a text")
    return item


def _csv_item(path: Path, number: int, record: list[str], column: int, field: str) -> str:
    if len(record) <= column:
        raise ContentError(f"{path}, record {number}: {len(record)} fields, and {field!r} is number {column + 1}")
    return record[column]


def no_field(path: Path, number: int, field: str, there: list[str]) -> ContentError:
    known = f"there are {', '.join(there[:20])}" if there else "it has none"
    return ContentError(f"{path}, row {number}: no field {field!r}; {known}. Say which with --field NAME.")


def _reading(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


@contextmanager
def _writing(path: Path, like: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if like.suffix != ".gz":
            yield file
        else:
            # No name and no time inside: the same rows give the same bytes.
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                yield packed  # type: ignore[misc]
