"""Add verdicts to a batch of rows: in `firsthand check`, and in engines such as Ray Data, datasets and datatrove."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from firsthand.checking.lookup_source import OpenSource, RegistrySource, SnapshotSource
from firsthand.client import Client
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, PolicyName
from firsthand.errors import ContentError
from firsthand.files.arrow_digests import hash_column, holds_items, not_utf8
from firsthand.http import lookup_result
from firsthand.http.lookup_result import Lookup
from firsthand.snapshots.snapshot import Snapshot

#: The types that `annotate` accepts as its source.
AnnotateSource: TypeAlias = Client | Snapshot | SnapshotSource

#: The columns that `annotate` adds, in this order.
ADDED = ("verdict", "generation", "lower_bound")


def annotate(
    batch: pa.RecordBatch,
    source: AnnotateSource,
    *,
    field: str = "text",
    policy: PolicyName | None = None,
    as_of: int | None = None,
) -> pa.RecordBatch:
    """Return the batch with three added columns: the verdict on the item in the column `field` of each row.

    - `verdict` (string): unknown, human, model or contested.
    - `generation` (int16): 0 for human; 1, 2, … for model; otherwise null. A snapshot stores 3 for all generations
      above 2.
    - `lower_bound` (bool): whether the generation is a lower bound.

    The column `field` holds texts or bytes, plain or dictionary-encoded. If a value is null, its verdict is unknown. A
    text is looked up under both digest profiles. If `batch` is a Table, a Table is returned.

    `source` is a Client, a Snapshot or a SnapshotSource. With a Client, `policy` is strict by default, and `as_of` is
    the position of the log: set it to `client.position()` so that all batches of a job see the same state. A snapshot
    has its own policy and position. With fingerprints of 12 bits, a snapshot is not certain of the verdict human and
    gives unknown instead. To look these items up in the registry, pass `SnapshotSource(snapshot, client)` of
    `firsthand.checking.lookup_source`.

    Raises:

    - KeyError if the column does not exist;
    - TypeError if the column holds neither texts nor bytes;
    - ValueError if one of the added columns exists already, or if a snapshot has another policy or position;
    - ContentError if two columns have this name, or if a text is not UTF-8;
    - the errors of the client.
    """
    for name in ADDED:
        if name in batch.schema.names:
            raise ValueError(f"the column {name!r} exists already; rename or drop it before annotating")
    column, invalid = item_column(batch, field)
    if invalid:
        raise text_not_utf8(invalid[0], field)
    answer = look_up(column, _source(source, policy, as_of))
    added = (
        pa.DictionaryArray.from_arrays(pa.array(answer.verdict.astype(np.int8)), list(VERDICTS)).cast(pa.string()),
        pa.array(answer.generation, mask=answer.generation == NO_GENERATION),
        pa.array(answer.lower_bound),
    )
    for name, column in zip(ADDED, added, strict=True):
        batch = batch.append_column(name, column)
    return batch


def look_up(column: Any, source: OpenSource) -> Lookup:
    """Return the verdicts on the items of a column (Array or ChunkedArray). The verdict on a null is unknown."""
    hashed = hash_column(column)
    answer = source.lookup_joined((hashed.exact, hashed.text))
    return answer if len(hashed.rows) == len(column) else lookup_result.spread(answer, hashed.rows, len(column))


def item_column(batch: Any, field: str) -> tuple[Any, list[int]]:
    """Return the column `field` of a batch or table, and the indices of its rows that are not UTF-8.

    Raises KeyError if the column does not exist, and ContentError if two columns have this name.
    """
    names = batch.schema.names
    if field not in names:
        raise KeyError(
            f"there is no column {field!r}; the columns are {', '.join(names)}. Choose one of them with field="
        )
    if (count := names.count(field)) > 1:
        raise ContentError(f"{count} columns have the name {field!r}; rename or remove all but one of them")
    column = batch.column(field)
    return column, not_utf8(column) if holds_items(column.type) else []


def text_not_utf8(row: int, field: str) -> ContentError:
    """Return the error for a text that is not UTF-8. `row` is its index in the batch."""
    return ContentError(
        f"row {row} of the batch, counted from 0: the text in the column {field!r} is not UTF-8. Cast the column to"
        " binary, or convert the text"
    )


def without(column: Any, rows: Sequence[int]) -> Any:
    """Return a copy of a column (Array or ChunkedArray) in which the items of these rows are null."""
    if not rows:
        return column
    keep = np.ones(len(column), dtype=np.bool_)
    keep[rows] = False
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    contents = column.cast(kind).cast(pa.large_binary()).to_pylist()
    return pa.array([item if kept else None for item, kept in zip(contents, keep, strict=True)], pa.large_binary())


def _source(source: AnnotateSource, policy: PolicyName | None, as_of: int | None) -> OpenSource:
    """Return the opened source. Raises ValueError if it is a snapshot with another policy or position."""
    if isinstance(source, Client):
        return RegistrySource(source, policy or "strict", as_of)
    return opened_snapshot(source, policy, as_of)


def opened_snapshot(source: Snapshot | SnapshotSource, policy: PolicyName | None, as_of: int | None) -> SnapshotSource:
    """Return a snapshot as an opened source. Raises ValueError if it has another policy or position."""
    if isinstance(source, Snapshot):
        source = SnapshotSource(source)
    manifest = source.snapshot.manifest
    if policy not in (None, manifest.policy) or as_of not in (None, manifest.position):
        raise ValueError(
            f"this snapshot has the policy {manifest.policy} and the position {manifest.position}, and cannot use "
            "others; omit policy= and as_of=, or open another snapshot"
        )
    return source
