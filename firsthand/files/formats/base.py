"""What every table has: rows with an item each, read in parts, and a writer that keeps rows as they stood."""

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
from firsthand.files.locations import Place

#: Bytes that are read, or rows that are gathered, at once.
BLOCK = 2**22
BATCH = 20_000


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one file."""

    #: What a reader would call each: its line in JSON lines, its record in CSV and Parquet, from 1; in WARC its offset.
    numbers: Sequence[int]
    #: What stands in the asked field of each, `[n]`: the item, as text or bytes, null where there is none.
    items: pa.Array
    #: The rows whole, in the form that the same format's writer takes; None unless they were asked for.
    raw: Any


class Writer(Protocol):
    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        """Write the rows that `keep`, `[n]`, says."""


class Table(Protocol):
    """A format. Reading raises ContentError, which names the file, the row and what there is instead."""

    def read(self, place: Place, field: str, whole: bool = False) -> Iterator[Rows]:
        """The rows in parts; with `whole` there is more of each than its item, for a writer."""

    def writing(self, path: Path, like: Place) -> AbstractContextManager[Writer]:
        """A writer of a file at `path` that has the form of the one at `like`."""


def no_field(place: Place, number: int, field: str, there: Sequence[str]) -> ContentError:
    known = f"there are {', '.join(there[:20])}" if there else "it has none"
    return ContentError(f"{place}, row {number}: no field {field!r}; {known}. Say which with --field NAME.")


def no_text(place: Place, row: str, field: str, found: Any) -> ContentError:
    return ContentError(f"{place}, {row}: the field {field!r} holds {json.dumps(found)[:40]}, not a text")


def of_texts(texts: Sequence[str | None]) -> pa.Array:
    """Texts as a column; as bytes where one holds a lone surrogate, which no encoding of text has a place for."""
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        return pa.array([text and text.encode("utf-8", "surrogatepass") for text in texts], pa.large_binary())
