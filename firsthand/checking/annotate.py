"""A batch of a pipeline's own rows → the same rows with what is known of each. The one function under every gate.

`firsthand check`, `firsthand filter` and the engines that a pipeline runs on (Ray Data, Hugging Face datasets,
datatrove) all hash a column and ask about it here.
"""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from firsthand.checking.lookup_source import Asking, Online
from firsthand.client import Client
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, PolicyName
from firsthand.files import arrow_digests
from firsthand.http import lookup_result
from firsthand.http.lookup_result import Lookup
from firsthand.snapshots.snapshot import Snapshot
from firsthand.snapshots.source import Local

Asked: TypeAlias = Client | Snapshot | Local

#: The columns that `annotate` adds, in this order.
ADDED = ("verdict", "generation", "lower_bound")


def annotate(
    batch: pa.RecordBatch,
    source: Asked,
    *,
    field: str = "text",
    policy: PolicyName | None = None,
    as_of: int | None = None,
) -> pa.RecordBatch:
    """The batch with three columns more: what is known of the items in its column `field`.

    `verdict` is string: unknown, human, model or contested. `generation` is int16: 0 human, 1, 2, … model, null where
    there is none. `lower_bound` is bool: whether the generation is known only from below (a snapshot says 3 for any
    above 2). A null in the field is unknown. Takes texts and bytes, plain or dictionary-encoded; a text is asked
    about under both digest profiles. A Table is taken as well, and given back.

    `source` is a registry, under `policy` (strict where none is said) and as its log stood at `as_of` (else as it
    stands now: say one position for all batches of a job); or a snapshot, which has its policy and position. `human`
    out of a snapshot of 12 bits is unknown, unless `snapshots.asking.Local(snapshot, client)` asks the registry again.

    Raises KeyError where there is no such column, TypeError where it holds neither text nor bytes, ValueError where
    one of the three is there already or a snapshot is asked what it was not built for, and as the client does.
    """
    _check(batch, field)
    answer = look_up(batch.column(field), asking(source, policy, as_of))
    nowhere = answer.generation == NO_GENERATION
    added = (
        pa.DictionaryArray.from_arrays(pa.array(answer.verdict.astype(np.int8)), list(VERDICTS)).cast(pa.string()),
        pa.array(answer.generation, mask=nowhere),
        pa.array(answer.lower_bound),
    )
    for name, column in zip(ADDED, added, strict=True):
        batch = batch.append_column(name, column)
    return batch


def look_up(column: Any, source: Asking) -> Lookup:
    """The verdicts on the items of a column (Array or ChunkedArray); a null is unknown."""
    hashed = arrow_digests.hashed(column)
    answer = source.lookup_joined((hashed.exact, hashed.text))
    return answer if len(hashed.rows) == len(column) else lookup_result.spread(answer, hashed.rows, len(column))


def asking(source: Asked, policy: PolicyName | None, as_of: int | None) -> Asking:
    """What answers look-ups under this policy at this position. Raises ValueError where a snapshot has others."""
    if isinstance(source, Client):
        return Online(source, policy or "strict", as_of)
    local = Local(source) if isinstance(source, Snapshot) else source
    known = local.snapshot.manifest
    if policy not in (None, known.policy) or as_of not in (None, known.position):
        raise ValueError(f"the snapshot is of position {known.position} under the policy {known.policy}, and no other")
    return local


def _check(batch: Any, field: str) -> None:
    names = batch.schema.names
    if field not in names:
        raise KeyError(f"no column {field!r} in {', '.join(names)}; say which with field=")
    for name in ADDED:
        if name in names:
            raise ValueError(f"there is a column {name!r} already; rename it, or drop it, before annotating")
