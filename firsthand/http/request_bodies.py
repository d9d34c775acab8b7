"""A register call → bulk bodies, each with the key that makes sending it twice harmless."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core import canonical
from firsthand.core.digests import SIZE, Digests, Profile
from firsthand.files.inputs import Digest, Digested, Item, Items, in_batches, length
from firsthand.schemas.registrations import NewRegistration, NewStatement

NDJSON = "application/x-ndjson"

#: One whole number an item, in the items' order.
Column: TypeAlias = Sequence[int] | npt.NDArray[np.integer[Any]]
Sizes: TypeAlias = Column | Literal["bytes"]

_MOST = {"sizes": 2**32 - 1, "confidences": 2**8 - 1}


@dataclass(frozen=True)
class Batch:
    """The items of one bulk body, with their columns where there are any."""

    digests: Digests
    size: npt.NDArray[np.integer[Any]] | None
    confidence: npt.NDArray[np.integer[Any]] | None

    def body(self) -> tuple[bytes, str]:
        """The body and its media type: raw digests, or an Arrow stream where there is more than digests."""
        if self.size is None and self.confidence is None:
            return np.ascontiguousarray(self.digests).tobytes(), "application/octet-stream"
        return self._arrow(), "application/vnd.apache.arrow.stream"

    def _arrow(self) -> bytes:
        import pyarrow as pa  # importing it takes as long as all else, and most registrations are digests alone

        raw = pa.py_buffer(np.ascontiguousarray(self.digests))
        columns = {"digest": pa.FixedSizeBinaryArray.from_buffers(pa.binary(SIZE), len(self.digests), [None, raw])}
        if self.size is not None:
            columns["size"] = pa.array(self.size.astype(np.uint32))
        if self.confidence is not None:
            columns["confidence"] = pa.array(self.confidence.astype(np.uint8))
        rows, sink = pa.record_batch(columns), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_batch(rows)
        return bytes(sink.getvalue())


def batches(
    items: Items, profile: Profile, size: int, sizes: Sizes | None, confidences: Column | None
) -> Iterator[Batch]:
    """Items with their columns, `size` at a time; `sizes="bytes"` measures each item as it is read.

    Raises ValueError where a column is shorter or longer than the items, or holds what no such column may.
    """
    if isinstance(sizes, str):
        items, sizes = _measured(items)
    start = 0
    for digests in in_batches(items, profile, size):
        end = start + len(digests)
        yield Batch(digests, _cut("sizes", sizes, start, end), _cut("confidences", confidences, start, end))
        start = end
    for name, column in (("sizes", sizes), ("confidences", confidences)):
        if column is not None and len(column) != start:
            raise ValueError(f"{name} has {len(column)} entries for {start} items")


def idempotency_key(dataset: str, statement: NewRegistration, body: bytes, occasion: str) -> str:
    """The same statement on the same items: the same key, so that a register that is run again adds nothing.

    SHA-256 over the canonical statement and the body's own SHA-256, in hexadecimal.
    """
    said = {
        "dataset": dataset,
        "statement": statement.model_dump(mode="json", exclude_none=True),
        "body": hashlib.sha256(body).hexdigest(),
        "occasion": occasion,
    }
    return hashlib.sha256(canonical.encode(said)).hexdigest()


def lines(statements: Sequence[NewStatement]) -> bytes:
    """A batch as NDJSON, a statement a line."""
    return b"".join(each.model_dump_json(exclude_defaults=True).encode() + b"\n" for each in statements)


def batch_key(content: bytes, occasion: str) -> str:
    """The key of a batch: the same statements in the same order have the same."""
    return hashlib.sha256(occasion.encode() + b"\n" + content).hexdigest()


def _cut(name: str, column: Column | None, start: int, end: int) -> npt.NDArray[np.integer[Any]] | None:
    """The entries of some items. They are looked at here, as a column may grow while its items are read."""
    if column is None:
        return None
    if len(column) < end:
        raise ValueError(f"{name} has {len(column)} entries, and there are {end} items or more")
    part = np.asarray(column[start:end])
    if part.ndim != 1 or not np.issubdtype(part.dtype, np.integer):
        raise ValueError(f"{name} are whole numbers, one an item")
    if part.min() < 0 or part.max() > _MOST[name]:
        raise ValueError(f"{name} lie between 0 and {_MOST[name]}")
    return part


def _measured(items: Items) -> tuple[Items, Column]:
    """The items, and a column of their sizes in bytes, each entered when its item is read."""
    if isinstance(items, Digested):
        raise TypeError("digests do not tell how large their items are; give the sizes")
    if isinstance(items, np.ndarray):
        return items, np.full(len(items), items.nbytes // max(len(items), 1))
    if isinstance(items, bytes | str | Path | Digest):
        return items, []  # one item, which is refused as such where it is hashed
    sizes: list[int] = []

    def read(items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            sizes.append(length(item))
            yield item

    return read(items), sizes
