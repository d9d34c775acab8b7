"""Parquet, whose rows are items. Apart from the other tables, because importing pyarrow takes as long as all else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand.errors import ContentError
from firsthand.rows import BATCH, Rows, Writer, no_field


class Parquet:
    """Texts (string columns) or bytes (binary columns, an image say) are items."""

    def read(self, path: Path, field: str) -> Iterator[Rows]:
        with _open(path) as file:
            _check(path, file.schema_arrow, field)
            start = 1
            for batch in file.iter_batches(batch_size=BATCH):
                numbers = list(range(start, start + batch.num_rows))
                yield Rows(numbers, _items(path, start, batch.column(field), field), batch)
                start += batch.num_rows

    @contextmanager
    def writing(self, path: Path, like: Path) -> Iterator[Writer]:
        with _open(like) as file:
            schema = file.schema_arrow
        with pq.ParquetWriter(path, schema) as writer:
            yield _BatchWriter(writer)


@dataclass(frozen=True)
class _BatchWriter:
    writer: Any

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        if keep.any():
            self.writer.write_batch(rows.raw.filter(pa.array(keep)))


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        # reading ahead is for stores far away, and gathers the whole of a file in memory
        file = pq.ParquetFile(path, pre_buffer=False)
    except pa.ArrowException as error:
        raise ContentError(f"{path} is not Parquet: {error}") from None
    with file:
        yield file


def _check(path: Path, schema: Any, field: str) -> None:
    if field not in schema.names:
        raise no_field(path, 1, field, schema.names)
    kind = schema.field(field).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not any(is_kind(kind) for is_kind in _KINDS):
        raise ContentError(f"{path}: the field {field!r} holds {kind}, neither text nor bytes")


_KINDS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
)


def _items(path: Path, start: int, column: Any, field: str) -> list[str | bytes]:
    items: list[str | bytes] = column.to_pylist()
    if column.null_count:
        raise ContentError(f"{path}, row {start + items.index(None)}: the field {field!r} is null")  # type: ignore[arg-type]
    return items
