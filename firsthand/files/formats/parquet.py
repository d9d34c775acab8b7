"""Parquet: each row is an item. Selected rows are written with the same values, schema and compression per column."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand.errors import ContentError, RowError
from firsthand.files.arrow_digests import holds_items, not_utf8
from firsthand.files.formats import base
from firsthand.files.formats.base import RowErrors, Rows, RowWriter, Span, no_field, two_columns
from firsthand.files.locations import Location, ReadMeter, open_binary

#: The sizes of uncompressed rows, in bytes: of those that are read together, and of those that are written as one row
#: group.
_READ, _WRITTEN = 2**25, 2**26


class Parquet:
    """The format Parquet. Items are texts (string columns) or bytes (binary columns, for example images)."""

    def read(
        self,
        location: Location,
        field: str,
        whole: bool = False,
        skip: bool = False,
        meter: ReadMeter | None = None,
    ) -> Iterator[Rows]:
        return self._read(location, field, None, whole, skip, meter)

    def spans(self, path: Path, most: int) -> Sequence[Span]:
        """Divide a file into spans of row groups. A damaged file is not divided: reading it raises the error."""
        try:
            total: int = pq.read_metadata(path).num_row_groups
        except (pa.ArrowException, OSError):
            return ()
        bounds = sorted({total * number // most for number in range(most + 1)})
        return [Span(start, end, total) for start, end in pairwise(bounds)]

    def read_span(
        self, location: Location, field: str, span: Span, skip: bool = False, meter: ReadMeter | None = None
    ) -> Iterator[Rows]:
        return self._read(location, field, span, whole=False, skip=skip, meter=meter)

    def _read(
        self, location: Location, field: str, span: Span | None, whole: bool, skip: bool, meter: ReadMeter | None
    ) -> Iterator[Rows]:
        with _reading(location, meter) as file:
            _check_field(location, file.schema_arrow, field)
            metadata = file.metadata
            span = span or Span(0, metadata.num_row_groups, metadata.num_row_groups)
            errors, start = RowErrors(skip), 1 + _rows_before(metadata, span.start)
            for batch in file.iter_batches(
                batch_size=_rows_at_once(metadata),
                row_groups=range(span.start, span.end),
                columns=None if whole else [field],
            ):
                items = _texts_checked(location, batch.column(field), start, errors)
                yield Rows(range(start, start + len(items)), items, batch if whole else None, errors.take())
                start += len(items)

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        with _reading(like) as file:
            writer = _RowGroupWriter(path, file.schema_arrow, file.metadata)
        try:  # not in the block above: it would report errors of the caller or of the output as errors of `like`
            yield writer
            writer.finish()
        finally:
            writer.close()

    def estimate_rows(self, path: Path) -> int | None:
        """Return the exact number of rows, from the metadata of the file.

        Return None for a damaged file: its error is raised when it is read.
        """
        try:
            return int(pq.read_metadata(path).num_rows)
        except (pa.ArrowException, OSError):
            return None


@dataclass
class _RowGroupWriter:
    """A writer that collects rows, so that a few selected rows do not become many small row groups.

    The output file is opened at the first call of `write`. pyarrow aborts the process if it looks up the codec of a
    damaged column. Reading the first rows raises an error for such a file, so that `write` is never called.
    """

    path: Path
    schema: Any
    metadata: Any
    _file: Any = None
    _waiting: list[Any] = field(default_factory=list)
    _bytes: int = 0

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        if self._file is None:
            self._file = pq.ParquetWriter(self.path, self.schema, compression=_codecs(self.metadata))
        kept = _kept(rows.raw, keep)
        self._waiting += kept
        self._bytes += sum(batch.nbytes for batch in kept)
        if self._bytes >= _WRITTEN:
            self.flush()

    def flush(self) -> None:
        if any(len(batch) for batch in self._waiting):
            self._file.write_table(pa.Table.from_batches(self._waiting))
        self._waiting, self._bytes = [], 0

    def finish(self) -> None:
        if self._file is None:  # there are no rows
            self._file = pq.ParquetWriter(self.path, self.schema)
        self.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _kept(batch: Any, keep: npt.NDArray[np.bool_]) -> list[Any]:
    """Return the rows for which `keep` is true, as one or more batches.

    Arrow cannot filter all types of columns. For such types, slices of the batch are returned.
    """
    try:
        return [batch.filter(pa.array(keep))]
    except pa.ArrowNotImplementedError:  # for example string_view
        changes = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
        return [batch.slice(start, end - start) for start, end in changes.reshape(-1, 2).tolist()]


def _texts_checked(location: Location, items: Any, start: int, errors: RowErrors) -> Any:
    """Return the items, with null for each text that is not UTF-8. Add an error to `errors` for each of them.

    Arrow can read and write such texts, but other readers of Parquet fail.
    """
    invalid = not_utf8(items)
    for row in invalid:
        reason = "the text is not UTF-8. Store it as bytes (binary), or convert it"
        errors.add(RowError(str(location), f"row {start + row}", start + row, reason))
    if not invalid:
        return items
    kind = items.type.value_type if pa.types.is_dictionary(items.type) else items.type
    contents = items.cast(kind).cast(pa.large_binary()).to_pylist()
    for row in invalid:
        contents[row] = None
    return pa.array([None if item is None else item.decode() for item in contents], pa.large_string())


@contextmanager
def _reading(location: Location, meter: ReadMeter | None = None) -> Iterator[Any]:
    try:
        with open_binary(location, meter) as raw, pq.ParquetFile(raw, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ContentError(f"{location} cannot be read as Parquet: {error}. Check that the file is complete") from None


def _rows_at_once(metadata: Any) -> int:
    """Return the number of rows to read together: about 32 MiB, so that long rows (pages of a crawl) fit in memory."""
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    rows: int = metadata.num_rows
    return max(1, min(base.BATCH, _READ * rows // max(size, 1)))


def _rows_before(metadata: Any, row_group: int) -> int:
    return sum(metadata.row_group(number).num_rows for number in range(row_group))


def _codecs(metadata: Any) -> Any:
    """Return the codec of each column in the first row group. Return pyarrow's default if there is no row group."""
    if not metadata.num_row_groups:
        return "snappy"
    group = metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    return {
        column.path_in_schema: "none" if column.compression == "UNCOMPRESSED" else column.compression.lower()
        for column in columns
    }


def _check_field(location: Location, schema: Any, field: str) -> None:
    if (count := schema.names.count(field)) != 1:
        raise two_columns(location, field, count) if count else no_field(location, field, schema.names)
    kind = schema.field(field).type
    if not holds_items(kind):
        raise ContentError(
            f"{location}: the field {field!r} must hold texts or bytes, but holds {kind}; choose another field with"
            " --field NAME"
        )
