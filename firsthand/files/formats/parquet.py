"""Parquet: each row is an item. Selected rows are written with the same values, schema and compression per column."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand.errors import ContentError
from firsthand.files.arrow_digests import holds_items
from firsthand.files.formats import base
from firsthand.files.formats.base import Rows, RowWriter, no_field
from firsthand.files.locations import Location, open_binary

#: Uncompressed bytes of rows: those that are read together, and those that are collected for one row group.
_READ, _WRITTEN = 2**25, 2**26


class Parquet:
    """The format Parquet. Items are texts (string columns) or bytes (binary columns, for example images)."""

    def read(self, location: Location, field: str, whole: bool = False) -> Iterator[Rows]:
        with _reading(location) as file:
            _check_field(location, file.schema_arrow, field)
            start = 1
            columns = None if whole else [field]
            for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata), columns=columns):
                yield Rows(range(start, start + batch.num_rows), batch.column(field), batch if whole else None)
                start += batch.num_rows

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        with _reading(like) as file:
            schema, codecs = file.schema_arrow, _codecs(file.metadata)
        with pq.ParquetWriter(path, schema, compression=codecs) as file:
            writer = _RowGroupWriter(file)
            yield writer
            writer.flush()

    def estimate_rows(self, path: Path) -> int | None:
        """Return the exact number of rows, from the metadata; None for a damaged file (reading it raises the error)."""
        try:
            return int(pq.read_metadata(path).num_rows)
        except (pa.ArrowException, OSError):
            return None


@dataclass
class _RowGroupWriter:
    """A writer that collects rows, so that a few selected rows do not become many small row groups."""

    writer: Any
    _waiting: list[Any] = field(default_factory=list)
    _bytes: int = 0

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        kept = rows.raw.filter(pa.array(keep))
        self._waiting.append(kept)
        self._bytes += kept.nbytes
        if self._bytes >= _WRITTEN:
            self.flush()

    def flush(self) -> None:
        if any(len(batch) for batch in self._waiting):
            self.writer.write_table(pa.Table.from_batches(self._waiting))
        self._waiting, self._bytes = [], 0


@contextmanager
def _reading(location: Location) -> Iterator[Any]:
    try:
        with open_binary(location) as raw, pq.ParquetFile(raw, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise ContentError(f"{location} cannot be read as Parquet: {error}. Check that the file is complete") from None


def _rows_at_once(metadata: Any) -> int:
    """Return how many rows have a total size of about 32 MiB, so that long rows (pages of a crawl) fit in memory."""
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    rows: int = metadata.num_rows
    return max(1, min(base.BATCH, _READ * rows // max(size, 1)))


def _codecs(metadata: Any) -> Any:
    """Return the codec of each column in the first row group; pyarrow's default if there is no row group."""
    if not metadata.num_row_groups:
        return "snappy"
    group = metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    return {
        column.path_in_schema: "none" if column.compression == "UNCOMPRESSED" else column.compression.lower()
        for column in columns
    }


def _check_field(location: Location, schema: Any, field: str) -> None:
    if field not in schema.names:
        raise no_field(location, 1, field, schema.names)
    kind = schema.field(field).type
    if not holds_items(kind):
        raise ContentError(
            f"{location}: the field {field!r} must hold texts or bytes, and holds {kind}; choose another field"
        )
