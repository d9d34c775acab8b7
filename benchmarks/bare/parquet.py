"""Select a mix with DuckDB from one Parquet file, as a pipeline without a registry would do."""

from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand.core.digests import SIZE, Digests

#: The SQL of a mix. `hash` may differ in later versions of DuckDB; the registry guarantees the order of a mix.
QUERY = """
SELECT digest FROM read_parquet($path) WHERE origin = $origin ORDER BY hash(digest, $seed) LIMIT $count
"""


def write(path: Path, digests: Digests, human: npt.NDArray[np.bool_]) -> None:
    """Write digests, `uint8[n, 32]`, and their origins. `human`, `bool[n]`, is true for each human item.

    Digests are not compressed, because random bytes cannot be compressed. Origins are stored as a dictionary.
    """
    flat = pa.py_buffer(np.ascontiguousarray(digests).tobytes())
    column = pa.Array.from_buffers(pa.binary(SIZE), len(digests), [None, flat]).cast(pa.binary())
    origins = pa.DictionaryArray.from_arrays(pa.array((~human).astype(np.int8)), pa.array(["human", "model"]))
    table = pa.table({"digest": column, "origin": origins})
    pq.write_table(table, path, compression="none", use_dictionary=["origin"])


def mix(path: Path, counts: dict[str, int], seed: int, threads: int = 2) -> tuple[Digests, float]:
    """Select a mix. `counts` has the number of items of each origin.

    Returns (the digests `uint8[n, 32]`, sorted by origin and hash; the seconds that this took). Raises ValueError if
    the file has too few items of an origin.
    """
    import duckdb  # optional: without it, mixes are not measured

    started = perf_counter()
    parts = []
    with duckdb.connect(config={"threads": threads}) as connection:
        for origin, count in counts.items():
            parameters = {"path": str(path), "origin": origin, "seed": seed, "count": count}
            parts.append(_to_digests(connection.sql(QUERY, params=parameters).to_arrow_table()["digest"]))
    digests = np.concatenate(parts)
    seconds = perf_counter() - started
    if len(digests) != sum(counts.values()):
        raise ValueError(f"{path} has fewer items than {counts}; request fewer items")
    return digests, seconds


def _to_digests(column: pa.ChunkedArray) -> Digests:
    """Return the values of a binary column, each with 32 bytes, as `uint8[n, 32]`, without a copy per value."""
    fixed = column.cast(pa.binary(SIZE)).combine_chunks()
    raw = np.frombuffer(fixed.buffers()[1], dtype=np.uint8)
    return raw[fixed.offset * SIZE : (fixed.offset + len(fixed)) * SIZE].reshape(-1, SIZE)
