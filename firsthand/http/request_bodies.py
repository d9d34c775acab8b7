"""Request bodies of registrations, and their idempotency keys: a repeated request with the same key adds nothing."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core import canonical
from firsthand.core.digests import Digests, Profile
from firsthand.core.media_types import ARROW, RAW
from firsthand.files.inputs import Digest, Digested, Item, Items, in_batches, length
from firsthand.schemas.registrations import NewRegistration, NewStatement

#: A column of the body: one whole number per item, in the order of the items.
Column: TypeAlias = Sequence[int] | npt.NDArray[np.integer[Any]]
Sizes: TypeAlias = Column | Literal["bytes"]

_MAXIMUM = {"sizes": 2**32 - 1, "confidences": 2**8 - 1}


@dataclass(frozen=True)
class BulkBody:
    """The items of one registration, with their columns `size` and `confidence`, if given. Arrays are `[n]`."""

    digests: Digests
    size: npt.NDArray[np.integer[Any]] | None
    confidence: npt.NDArray[np.integer[Any]] | None

    def encode(self) -> tuple[bytes, str]:
        """Return the body and its media type: raw digests, or an Arrow stream if there are columns."""
        if self.size is None and self.confidence is None:
            return np.ascontiguousarray(self.digests).tobytes(), RAW
        from firsthand.http import arrow_streams  # imports pyarrow, which most registrations do not need

        return arrow_streams.write_registration(self.digests, self.size, self.confidence), ARROW


def bulk_bodies(
    items: Items, profile: Profile, size: int, sizes: Sizes | None, confidences: Column | None
) -> Iterator[BulkBody]:
    """Yield the bodies of requests with up to `size` items each, and with the columns of these items.

    With `sizes="bytes"`, each item is measured when it is read.

    Raises ValueError if a column does not have one entry per item, or if an entry is out of range.
    """
    if isinstance(sizes, str):
        items, sizes = _measured(items)
    start = 0
    for digests in in_batches(items, profile, size):
        end = start + len(digests)
        yield BulkBody(digests, _cut("sizes", sizes, start, end), _cut("confidences", confidences, start, end))
        start = end
    for name, column in (("sizes", sizes), ("confidences", confidences)):
        if column is not None and len(column) != start:
            raise ValueError(
                f"`{name}` must have one entry per item, but it has {len(column)} entries for {start} items"
            )


def idempotency_key(dataset: str, statement: NewRegistration, body: bytes, occasion: str) -> str:
    """Return the idempotency key of a registration. The same arguments give the same key, so a retry adds nothing.

    It is the SHA-256, in hexadecimal, of the canonical JSON of dataset, statement, occasion and the SHA-256 of `body`.
    """
    statement_of_items = {
        "dataset": dataset,
        "statement": statement.model_dump(mode="json", exclude_none=True),
        "body": hashlib.sha256(body).hexdigest(),
        "occasion": occasion,
    }
    return hashlib.sha256(canonical.encode(statement_of_items)).hexdigest()


def lines(statements: Sequence[NewStatement]) -> bytes:
    """Return a batch as NDJSON, one statement per line."""
    return b"".join(statement.model_dump_json(exclude_defaults=True).encode() + b"\n" for statement in statements)


def batch_key(content: bytes, occasion: str) -> str:
    """Return the idempotency key of a batch. The same statements in the same order give the same key."""
    return hashlib.sha256(occasion.encode() + b"\n" + content).hexdigest()


def _cut(name: str, column: Column | None, start: int, end: int) -> npt.NDArray[np.integer[Any]] | None:
    """Return the entries of a column from `start` to before `end`, `[end - start]`.

    Return None if there is no column.

    Raises ValueError if the column has too few entries, or if an entry is not a number or out of range.
    """
    if column is None:
        return None
    if len(column) < end:
        raise ValueError(
            f"`{name}` must have one entry per item, but it has {len(column)} entries for at least {end} items"
        )
    part = np.asarray(column[start:end])
    if part.ndim != 1 or not np.issubdtype(part.dtype, np.integer):
        raise ValueError(f"`{name}` must be a list of whole numbers with one entry per item, such as [120, 95]")
    if part.min() < 0 or part.max() > _MAXIMUM[name]:
        raise ValueError(f"`{name}` must be between 0 and {_MAXIMUM[name]}")
    return part


def _measured(items: Items) -> tuple[Items, Column]:
    """Return the items, and a list of their sizes in bytes, which is filled while the items are read.

    Raises TypeError if the items are digests.
    """
    if isinstance(items, Digested):
        raise TypeError("a digest has no size; pass the sizes of all items as `sizes`, a list")
    if isinstance(items, np.ndarray):
        return items, np.full(len(items), items.nbytes // max(len(items), 1))
    if isinstance(items, bytes | str | Path | Digest):
        return items, []  # a single item instead of a list: `in_batches` raises the error
    sizes: list[int] = []

    def read(items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            sizes.append(length(item))
            yield item

    return read(items), sizes
