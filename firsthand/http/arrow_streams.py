"""Arrow IPC streams of the API: the answer to a look-up, and the body of a registration with columns.

The client imports this module only if needed: importing pyarrow takes as long as importing the rest of the package.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firsthand.core.digests import SIZE, Digests
from firsthand.core.verdicts import NO_GENERATION
from firsthand.errors import NotUnderstood
from firsthand.http.lookup_result import CODES, NO_MODEL, Lookup


def read_lookup(content: bytes) -> Lookup:
    """Return the answer to a look-up as numpy arrays, without a Python object per item. Raises NotUnderstood."""
    try:
        table = pa.ipc.open_stream(content).read_all()
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        verdict, model = (_dictionary(table, name) for name in ("verdict", "model"))
        codes = np.array([CODES[name] for name in verdict.dictionary.to_pylist()], dtype=np.uint8)
        return Lookup(
            codes[verdict.indices.to_numpy()],
            table["generation"].fill_null(NO_GENERATION).to_numpy().astype(np.int16, copy=False),
            table["lower_bound"].to_numpy(),
            table["contested"].to_numpy(),
            model.indices.fill_null(NO_MODEL).to_numpy().astype(np.int32, copy=False),
            tuple(model.dictionary.to_pylist()),
            int(metadata["position"]),
            metadata["policy"],
        )
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise NotUnderstood(
            f"The columns in the registry's answer are not those of a look-up ({error}). "
            "Check that the registry and this client have the same version."
        ) from None


def write_registration(
    digests: Digests, size: npt.NDArray[np.integer[Any]] | None, confidence: npt.NDArray[np.integer[Any]] | None
) -> bytes:
    """Return a stream with the column `digest` and, if given, `size` and `confidence`. Each has one value per item."""
    raw = pa.py_buffer(np.ascontiguousarray(digests))
    columns = {"digest": pa.FixedSizeBinaryArray.from_buffers(pa.binary(SIZE), len(digests), [None, raw])}
    if size is not None:
        columns["size"] = pa.array(size.astype(np.uint32))
    if confidence is not None:
        columns["confidence"] = pa.array(confidence.astype(np.uint8))
    rows, sink = pa.record_batch(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue())


def _dictionary(table: Any, name: str) -> Any:
    """Return a dictionary-encoded column as one array."""
    column = table[name].combine_chunks()
    return column.chunk(0) if hasattr(column, "chunk") else column
