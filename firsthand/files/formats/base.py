"""The interface of a file format whose rows are items: read them in parts, and write selected rows unchanged."""

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firsthand.errors import ContentError, RowError
from firsthand.files.locations import Location, ReadMeter

#: The number of bytes that are read together, and the number of rows that are collected together.
BLOCK = 2**22
BATCH = 20_000

#: The number of bytes at the start of a file from which the length of its lines is estimated.
_SAMPLE = 2**20

#: The first bytes of a text in an encoding that Firsthand cannot read → the name of the encoding. UTF-32 comes first,
#: because its first bytes begin with those of UTF-16.
_MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one file."""

    #: The number of each row, for messages: the number of the line in JSON Lines, of the record in CSV and Parquet
    #: (both count from 1), the byte offset of the record in WARC.
    numbers: Sequence[int]
    #: The requested field of each row, `[n]`: the item as text or bytes. It is null if the row has no item.
    items: pa.Array
    #: The complete rows, in a form that the writer of the same format needs. None if they were not requested.
    raw: Any
    #: One error for each row that could not be read, in order. The item of such a row is null.
    errors: Sequence[RowError] = ()


@dataclass(frozen=True)
class Span:
    """A part of a file: from `start` to before `end`, of `total` units. A unit is a byte or a row group."""

    start: int
    end: int
    total: int

    def size_of(self, size: int) -> int:
        """Return the size of this span in bytes, for a file of `size` bytes.

        The sizes of all spans of a file add up to `size`.
        """
        return size * self.end // self.total - size * self.start // self.total


class RowWriter(Protocol):
    """A writer of selected rows into one file."""

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        """Write the rows for which `keep`, `bool[n]`, is true."""


class RowFormat(Protocol):
    """A file format with rows.

    If the rest of a file cannot be read, reading raises ContentError. If only one row cannot be read, reading raises
    RowError, a kind of ContentError. With `skip`, such a row is returned without an item instead, and its error is in
    `Rows.errors`. The messages contain the file, the row and the reason.
    """

    def read(
        self,
        location: Location,
        field: str,
        whole: bool = False,
        skip: bool = False,
        meter: ReadMeter | None = None,
    ) -> Iterator[Rows]:
        """Yield the rows in parts. With `whole`, `Rows.raw` has the complete rows, for a writer.

        If `meter` is given, it counts the bytes that are read from the file.
        """

    def writing(self, path: Path, like: Location) -> AbstractContextManager[RowWriter]:
        """Return a writer of the new file `path`, with the header, schema and compression of the file `like`."""

    def estimate_rows(self, path: Path) -> int | None:
        """Estimate the number of rows of an uncompressed local file, without reading all of it.

        Return None if this is not possible.
        """


@runtime_checkable
class DivisibleFormat(RowFormat, Protocol):
    """A file format in which several processes can read different parts of one file at the same time."""

    def spans(self, path: Path, most: int) -> Sequence[Span]:
        """Divide a local file into at most `most` spans, in order.

        Return an empty sequence if the file cannot be divided.
        """

    def read_span(
        self, location: Location, field: str, span: Span, skip: bool = False, meter: ReadMeter | None = None
    ) -> Iterator[Rows]:
        """Yield the rows of one span, as `read` does.

        `Rows.numbers` may begin with 1 in each span. The numbers in `Rows.errors` count from the start of the file.
        """


@dataclass
class RowErrors:
    """Collects the errors of rows if `skip` is true. Otherwise the first error is raised."""

    skip: bool
    _errors: list[RowError] = field(default_factory=list)

    def add(self, error: RowError) -> None:
        """Store the error for `take` if rows are skipped. Otherwise raise it."""
        if not self.skip:
            raise error from None
        self._errors.append(error)

    def take(self) -> tuple[RowError, ...]:
        """Return the errors since the last call."""
        taken, self._errors = tuple(self._errors), []
        return taken


def no_field(location: Location, field: str, fields: Sequence[str]) -> ContentError:
    """Return the error of a file that has no column `field`."""
    return ContentError(f"{location}: {without_field(field, fields)}")


def without_field(field: str, fields: Sequence[str]) -> str:
    """Return the sentences which say that `field` is missing and which fields exist."""
    known = f"the fields are {', '.join(fields[:20])}" if fields else "the row has no fields"
    return f"there is no field {field!r}; {known}. Choose one with --field NAME."


def two_columns(location: Location, field: str, count: int) -> ContentError:
    """Return the error of a file in which `count` columns have the same name, so that the field is ambiguous."""
    return ContentError(f"{location}: {count} columns have the name {field!r}. Rename or remove all but one of them.")


def holds_another_value(field: str, value: Any) -> str:
    """Return the sentences which say that a field holds a value that is not a text."""
    return (
        f"the field {field!r} must hold a text, but holds {json.dumps(value)[:40]}. Correct the row, or choose another"
        " field with --field NAME"
    )


def check_encoding(location: Location, start: bytes) -> None:
    """Raise ContentError if a text is UTF-16 or UTF-32. `start` has the first bytes of the text."""
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            raise ContentError(
                f"{location} is {name}, but texts must be UTF-8."
                f" Convert it: {piped(location, f'iconv -f {name} -t UTF-8')} > NEW"
            )


def piped(location: Location, command: str) -> str:
    """Return a shell command that decompresses a file, if necessary, and runs `command` on the content."""
    decompress = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}.get(Path(location.name).suffix.lower())
    file = shlex.quote(str(location))
    return f"{decompress} -dc {file} | {command}" if decompress else f"{command} {file}"


def text_column(texts: Sequence[str | None]) -> pa.Array:
    """Return texts as an Arrow column of texts.

    If a text contains a lone surrogate, which Arrow does not allow in texts, the column has bytes instead.
    """
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        return pa.array(
            [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts], pa.large_binary()
        )


def estimate_lines(path: Path) -> int:
    """Estimate the number of lines of a file from its size and the mean length of its first lines."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    return round(path.stat().st_size * max(sample.count(b"\n"), 1) / len(sample)) if sample else 0
