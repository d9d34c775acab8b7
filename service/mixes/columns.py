"""Record batches with the items of a drawn mix, and with their later changes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from firsthand.core.digests import SIZE
from firsthand.schemas.mixes import Unit
from service.claims.standing import standing_claims
from service.claims.view import View
from service.http import content_negotiation
from service.mixes.rules import Candidates
from service.mixes.scan import Scan
from service.mixes.store import Drawn
from service.storage.engine import Database

_ITEM_FIELDS = [
    ("digest", pa.binary(SIZE)),
    ("part", pa.int16()),
    ("verdict", content_negotiation.VERDICT),
    ("generation", pa.int16()),
]

#: The number of items whose verdicts are computed together.
_ITEMS_PER_CHUNK = 20_000


def schema(drawn: Drawn) -> Any:
    """Return the schema of the items of a mix. It has the column size if the unit of the recipe is `size`."""
    by_size = drawn.recipe.unit == "size"
    return _schema(drawn, [*_ITEM_FIELDS, ("size", pa.uint32())] if by_size else _ITEM_FIELDS)


def items(drawn: Drawn) -> Iterator[Any]:
    """Yield all items in order. Each row has the number of the item's part (from 0), its verdict and its generation."""
    batch_schema = schema(drawn)
    for number, chunk in drawn.chunks():
        yield pa.record_batch(_columns(number, chunk, drawn.recipe.unit), schema=batch_schema)


def changes_schema(drawn: Drawn, now: View) -> Any:
    """Return the schema of `changes`: the columns of the items in the mix, then the columns of their state at `now`."""
    fields_now = [
        ("verdict_now", content_negotiation.VERDICT),
        ("generation_now", pa.int16()),
        ("admitted", pa.bool_()),
    ]
    return _schema(drawn, [*_ITEM_FIELDS, *fields_now], now)


def changes(database: Database, drawn: Drawn, now: View) -> Iterator[Any]:
    """Yield the items whose verdict or generation is different at `now`, and those that their part no longer admits.

    The items of each part are in the order of the part, each item once. Every chunk is read in a separate short
    transaction. The result is consistent, because statements up to a position never change.
    """
    batch_schema = changes_schema(drawn, now)
    recipe = drawn.recipe.model_copy(update={"as_of": now.position})
    scan = Scan(database, now, recipe)
    for number, (part, taken) in enumerate(zip(recipe.parts, drawn.parts, strict=True)):
        for start in range(0, len(taken), _ITEMS_PER_CHUNK):
            chunk = taken.at(slice(start, start + _ITEMS_PER_CHUNK))
            with database.reads() as session:
                standing = standing_claims(session, now, chunk.digests)
            judged, admitted = standing.judge(recipe.policy), scan.admits(part, chunk.digests, standing)
            differs = (judged.verdict != chunk.verdict) | (judged.generation != chunk.generation) | ~admitted
            rows = np.flatnonzero(differs)
            columns_now = [
                content_negotiation.verdict_column(judged.verdict[rows]),
                content_negotiation.generation_column(judged.generation[rows]),
                pa.array(admitted[rows]),
            ]
            yield pa.record_batch([*_columns(number, chunk.at(rows), "items"), *columns_now], schema=batch_schema)


def _schema(drawn: Drawn, columns: list[Any], now: View | None = None) -> Any:
    position = drawn.recipe.as_of if now is None else now.position
    return pa.schema(columns, metadata={"position": str(position), "policy": drawn.recipe.policy})


def _columns(number: int, chunk: Candidates, unit: Unit) -> list[Any]:
    columns = [
        content_negotiation.digest_column(chunk.digests),
        pa.array(np.full(len(chunk), number, dtype=np.int16)),
        content_negotiation.verdict_column(chunk.verdict),
        content_negotiation.generation_column(chunk.generation),
    ]
    return [*columns, pa.array(chunk.size)] if unit == "size" else columns
