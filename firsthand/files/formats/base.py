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

#: The first bytes of a text in an encoding that is not read → the name of the encoding. UTF-32 begins like UTF-16.
_MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one file."""

    #: The number of each row in messages: the line in JSON Lines, the record in CSV and Parquet (both from 1), the
    #: offset in WARC.
    numbers: Sequence[int]
    #: The requested field of each row, `[n]`: the item as text or bytes, null if there is none.
    items: pa.Array
    #: The complete rows, in a form for the writer of the same format; None unless they were requested.
    raw: Any
    #: One error for each row that could not be read, in order. The item of such a row is null.
    errors: Sequence[RowError] = ()


@dataclass(frozen=True)
class Span:
    """A part of a file that is read alone: from `start` to before `end`, of `total`, in a unit of the format."""

    start: int
    end: int
    total: int

    def size_of(self, size: int) -> int:
        """Return the part of a file's size that belongs to this span. The spans of a file add up to its size."""
        return size * self.end // self.total - size * self.start // self.total


class RowWriter(Protocol):
    """A writer of selected rows into one file."""

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        """Write the rows for which `keep`, `bool[n]`, is true."""


class RowFormat(Protocol):
    """A file format. Reading raises ContentError, whose message contains the file, the row and the reason.

    A file that cannot be read any further raises ContentError. A row that cannot be read, while the rows after it can
    be, raises RowError; with `skip` the row is returned without an item, and its error in `Rows.errors`.
    """

    def read(
        self,
        location: Location,
        field: str,
        whole: bool = False,
        skip: bool = False,
        meter: ReadMeter | None = None,
    ) -> Iterator[Rows]:
        """Yield the rows in parts. With `whole`, `Rows.raw` contains the complete rows, for a writer.

        The bytes that are read from the file are added to `meter`.
        """

    def writing(self, path: Path, like: Location) -> AbstractContextManager[RowWriter]:
        """Return a writer of a new file `path` that has the header, schema and compression of the file `like`."""

    def estimate_rows(self, path: Path) -> int | None:
        """Estimate the number of rows of an uncompressed local file without reading all of it; None if impossible."""


@runtime_checkable
class DivisibleFormat(RowFormat, Protocol):
    """A file format of which several processes can read parts of one file at the same time."""

    def spans(self, path: Path, most: int) -> Sequence[Span]:
        """Divide a local file into at most `most` spans, in order; none if it must be read as a whole."""

    def read_span(
        self, location: Location, field: str, span: Span, skip: bool = False, meter: ReadMeter | None = None
    ) -> Iterator[Rows]:
        """Yield the rows of one span, as `read` does.

        `Rows.numbers` may begin with 1 in each span. The numbers in `Rows.errors` are those of the whole file.
        """


@dataclass
class RowErrors:
    """Collects the errors of rows that are skipped, or raises the first."""

    skip: bool
    _errors: list[RowError] = field(default_factory=list)

    def add(self, error: RowError) -> None:
        """Raise the error, or keep it for `take` if rows are skipped."""
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
    """Return in words that `field` is missing, and which fields there are."""
    known = f"the fields are {', '.join(fields[:20])}" if fields else "the row has no fields"
    return f"there is no field {field!r}; {known}. Choose one with --field NAME."


def two_columns(location: Location, field: str, count: int) -> ContentError:
    """Return the error of a file with several columns of one name: it is not known which one is used for training."""
    return ContentError(f"{location}: {count} columns have the name {field!r}. Rename or remove all but one of them.")


def holds_another_value(field: str, value: Any) -> str:
    """Return in words that a field holds a value that is not a text."""
    return (
        f"the field {field!r} must hold a text, and holds {json.dumps(value)[:40]}. Correct the row, or choose another"
        " field with --field NAME"
    )


def check_encoding(location: Location, start: bytes) -> None:
    """Raise ContentError if the first bytes of a text say that it is UTF-16 or UTF-32."""
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            raise ContentError(
                f"{location} is {name}, and texts must be UTF-8."
                f" Convert it: {piped(location, f'iconv -f {name} -t UTF-8')} > NEW"
            )


def piped(location: Location, command: str) -> str:
    """Return the shell command that runs `command` on the decompressed content of a file."""
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
    """Estimate the number of lines of a file from its size and the length of its first lines."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    return round(path.stat().st_size * max(sample.count(b"\n"), 1) / len(sample)) if sample else 0
