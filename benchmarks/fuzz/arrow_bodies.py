"""Arrow streams and Parquet files of random digests, as pyarrow writes them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bare.inputs import random_digests

_ROWS = 40


def arrow_streams(random: np.random.Generator) -> list[bytes]:
    """Return streams with random digests: for each Arrow type of digests, and with and without the other columns.

    Some streams have one batch, others several.
    """
    tables = [_table(kind, numbers, random) for kind in _DIGESTS for numbers in (None, pa.uint32(), pa.int64())]
    return [_stream(table, rows) for table in tables for rows in (_ROWS, 7)]


def parquet_file(random: np.random.Generator) -> bytes:
    """Return a Parquet file with random digests and sizes."""
    sink = pa.BufferOutputStream()
    pq.write_table(_table(pa.binary(32), pa.uint32(), random), sink)
    return bytes(sink.getvalue())


_DIGESTS = (pa.binary(32), pa.binary(), pa.large_binary())


def _table(kind: Any, numbers: Any, random: np.random.Generator) -> Any:
    columns = {"digest": pa.array([row.tobytes() for row in random_digests(_ROWS, random)], kind)}
    if numbers is not None:
        columns["size"] = pa.array(range(_ROWS), numbers)
        columns["confidence"] = pa.array(range(_ROWS), numbers)
    return pa.table(columns)


def _stream(table: Any, rows: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return bytes(sink.getvalue())
