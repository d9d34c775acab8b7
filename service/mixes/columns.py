"""The items of a drawn mix, and what became of them since, as record batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from firsthand.core.digests import SIZE
from firsthand.schemas.mixes import Unit
from service.claims.catalog import View
from service.claims.standing import evidence
from service.http import content_negotiation
from service.mixes.rules import Candidates
from service.mixes.scan import Scan
from service.mixes.store import Drawn
from service.storage.engine import Database

_ITEMS = [
    ("digest", pa.binary(SIZE)),
    ("part", pa.int16()),
    ("verdict", content_negotiation.VERDICT),
    ("generation", pa.int16()),
]

#: Items that are judged together.
_JUDGED = 20_000


def schema(drawn: Drawn) -> Any:
    """The columns of a mix's items; they have a size where the recipe counts sizes."""
    return _schema(drawn, [*_ITEMS, ("size", pa.uint32())] if drawn.recipe.unit == "size" else _ITEMS)


def items(drawn: Drawn) -> Iterator[Any]:
    """All items in order, with the part that took each (counted from 0), its verdict, its generation."""
    kind = schema(drawn)
    for number, chunk in drawn.chunks():
        yield pa.record_batch(_columns(number, chunk, drawn.recipe.unit), schema=kind)


def changes_schema(drawn: Drawn, now: View) -> Any:
    """The columns of `changes`: those of items as they were, and what is said of them now."""
    now_columns = [
        ("verdict_now", content_negotiation.VERDICT),
        ("generation_now", pa.int16()),
        ("admitted", pa.bool_()),
    ]
    return _schema(drawn, [*_ITEMS, *now_columns], now)


def changes(database: Database, drawn: Drawn, now: View) -> Iterator[Any]:
    """Of each part's items, in its order and each once, those that `now` judges otherwise or the part admits no more.

    A short transaction for each run of items: what a position says never changes.
    """
    kind = changes_schema(drawn, now)
    recipe = drawn.recipe.model_copy(update={"as_of": now.position})
    scan = Scan(database, now, recipe)
    for number, (part, taken) in enumerate(zip(recipe.parts, drawn.parts, strict=True)):
        for start in range(0, len(taken), _JUDGED):
            chunk = taken.at(slice(start, start + _JUDGED))
            with database.reads() as session:
                found = evidence(session, now, chunk.digests)
            judged, admitted = found.judge(recipe.policy), scan.admits(part, chunk.digests, found)
            differs = (judged.verdict != chunk.verdict) | (judged.generation != chunk.generation) | ~admitted
            rows = np.flatnonzero(differs)
            said = [
                content_negotiation.verdicts(judged.verdict[rows]),
                content_negotiation.generations(judged.generation[rows]),
                pa.array(admitted[rows]),
            ]
            yield pa.record_batch([*_columns(number, chunk.at(rows), "items"), *said], schema=kind)


def _schema(drawn: Drawn, columns: list[Any], now: View | None = None) -> Any:
    said = {"position": str(drawn.recipe.as_of if now is None else now.position), "policy": drawn.recipe.policy}
    return pa.schema(columns, metadata=said)


def _columns(number: int, chunk: Candidates, unit: Unit) -> list[Any]:
    columns = [
        content_negotiation.digests(chunk.digests),
        pa.array(np.full(len(chunk), number, dtype=np.int16)),
        content_negotiation.verdicts(chunk.verdict),
        content_negotiation.generations(chunk.generation),
    ]
    return [*columns, pa.array(chunk.size)] if unit == "size" else columns
