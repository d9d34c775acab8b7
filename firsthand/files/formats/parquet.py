"""Parquet, whose rows are items. Kept rows stay value for value, under the same schema and packed as they were."""

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
from firsthand.files.formats.base import Rows, Writer, no_field
from firsthand.files.locations import Place, opened

#: Bytes of rows, unpacked, that are read at once, and that are gathered before they are written as a row group.
_READ, _WRITTEN = 2**25, 2**26


class Parquet:
    """Texts (string columns) or bytes (binary columns, an image say) are items."""

    def read(self, place: Place, field: str, whole: bool = False) -> Iterator[Rows]:
        with _reading(place) as file:
            _check(place, file.schema_arrow, field)
            start = 1
            columns = None if whole else [field]
            for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata), columns=columns):
                yield Rows(range(start, start + batch.num_rows), batch.column(field), batch if whole else None)
                start += batch.num_rows

    @contextmanager
    def writing(self, path: Path, like: Place) -> Iterator[Writer]:
        with _reading(like) as file:
            schema, packed = file.schema_arrow, _compression(file.metadata)
        with pq.ParquetWriter(path, schema, compression=packed) as into:
            writer = _GroupWriter(into)
            yield writer
            writer.flush()


@dataclass
class _GroupWriter:
    """Gathers rows, so that few kept rows do not become many small row groups."""

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
def _reading(place: Place) -> Iterator[Any]:
    try:
        with opened(place) as raw, pq.ParquetFile(raw, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise ContentError(f"{place} is not Parquet that can be read: {error}") from None


def _rows_at_once(metadata: Any) -> int:
    """As many as make some 32 MiB of an average row, so that pages of a crawl fit into memory as well as lines do."""
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    rows: int = metadata.num_rows
    return max(1, min(base.BATCH, _READ * rows // max(size, 1)))


def _compression(metadata: Any) -> Any:
    """The codec of each column, as the first row group has it; pyarrow's own default where there is none."""
    if not metadata.num_row_groups:
        return "snappy"
    group = metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    return {
        column.path_in_schema: "none" if column.compression == "UNCOMPRESSED" else column.compression.lower()
        for column in columns
    }


def _check(place: Place, schema: Any, field: str) -> None:
    if field not in schema.names:
        raise no_field(place, 1, field, schema.names)
    kind = schema.field(field).type
    if not holds_items(kind):
        raise ContentError(f"{place}: the field {field!r} holds {kind}, neither text nor bytes")
