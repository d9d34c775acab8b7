"""A mix by DuckDB over one Parquet file: what a pipeline without a registry would write."""

from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand.core.digests import SIZE, Digests

#: `hash(digest, seed)` is not contracted to stay the same between versions of DuckDB; a mix's order is.
QUERY = """
SELECT digest FROM read_parquet($path) WHERE origin = $origin ORDER BY hash(digest, $seed) LIMIT $count
"""


def write(path: Path, digests: Digests, human: npt.NDArray[np.bool_]) -> None:
    """Items as a pipeline keeps them: `uint8[n, 32]` as binary and `bool[n]` as an origin of two words.

    Digests are not compressed (they cannot be); origins are, by their dictionary.
    """
    flat = pa.py_buffer(np.ascontiguousarray(digests).tobytes())
    column = pa.Array.from_buffers(pa.binary(SIZE), len(digests), [None, flat]).cast(pa.binary())
    origins = pa.DictionaryArray.from_arrays(pa.array((~human).astype(np.int8)), pa.array(["human", "model"]))
    table = pa.table({"digest": column, "origin": origins})
    pq.write_table(table, path, compression="none", use_dictionary=["origin"])


def mix(path: Path, counts: dict[str, int], seed: int, threads: int = 2) -> tuple[Digests, float]:
    """So many items of each origin, `uint8[n, 32]` in the order of their hashes, and the seconds it took.

    Raises ValueError where the file has too few of an origin.
    """
    import duckdb  # measured only where it is installed; nothing else needs it

    started = perf_counter()
    parts = []
    with duckdb.connect(config={"threads": threads}) as connection:
        for origin, count in counts.items():
            asked = {"path": str(path), "origin": origin, "seed": seed, "count": count}
            parts.append(_joined(connection.sql(QUERY, params=asked).to_arrow_table()["digest"]))
    digests = np.concatenate(parts)
    seconds = perf_counter() - started
    if len(digests) != sum(counts.values()):
        raise ValueError(f"{path} has fewer items than {counts}; ask for fewer")
    return digests, seconds


def _joined(column: pa.ChunkedArray) -> Digests:
    """Every value has 32 bytes, so the data of the chunks, joined, are the digests."""
    fixed = column.cast(pa.binary(SIZE)).combine_chunks()
    raw = np.frombuffer(fixed.buffers()[1], dtype=np.uint8)
    return raw[fixed.offset * SIZE : (fixed.offset + len(fixed)) * SIZE].reshape(-1, SIZE)
