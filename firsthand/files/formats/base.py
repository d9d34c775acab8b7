"""The interface of a file format whose rows are items: read them in parts, and write selected rows unchanged."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firsthand.errors import ContentError
from firsthand.files.locations import Location

#: The number of bytes that are read together, and the number of rows that are collected together.
BLOCK = 2**22
BATCH = 20_000

#: The number of bytes at the start of a file from which the length of its lines is estimated.
_SAMPLE = 2**20


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


class RowWriter(Protocol):
    """A writer of selected rows into one file."""

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        """Write the rows for which `keep`, `bool[n]`, is true."""


class RowFormat(Protocol):
    """A file format. Reading raises ContentError, whose message contains the file, the row and the reason."""

    def read(self, location: Location, field: str, whole: bool = False) -> Iterator[Rows]:
        """Yield the rows in parts. With `whole`, `Rows.raw` contains the complete rows, for a writer."""

    def writing(self, path: Path, like: Location) -> AbstractContextManager[RowWriter]:
        """Return a writer of a new file `path` that has the header, schema and compression of the file `like`."""

    def estimate_rows(self, path: Path) -> int | None:
        """Estimate the number of rows of an uncompressed local file without reading all of it; None if impossible."""


def no_field(location: Location, number: int, field: str, fields: Sequence[str]) -> ContentError:
    known = f"the fields are {', '.join(fields[:20])}" if fields else "the row has no fields"
    return ContentError(
        f"{location}, row {number}: there is no field {field!r}; {known}. Choose one with --field NAME."
    )


def not_text(location: Location, row: str, field: str, value: Any) -> ContentError:
    return ContentError(
        f"{location}, {row}: the field {field!r} must hold a text, and holds {json.dumps(value)[:40]}. Correct the row,"
        " or choose another field with --field NAME."
    )


def text_column(texts: Sequence[str | None]) -> pa.Array:
    """Return texts as an Arrow column of texts.

    If a text contains a lone surrogate, which Arrow does not allow in texts, the column has bytes instead.
    """
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        return pa.array([text and text.encode("utf-8", "surrogatepass") for text in texts], pa.large_binary())


def estimate_lines(path: Path) -> int:
    """Estimate the number of lines of a file from its size and the length of its first lines."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    return round(path.stat().st_size * max(sample.count(b"\n"), 1) / len(sample)) if sample else 0
