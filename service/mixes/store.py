"""Select the items of mixes from recipes, and store the mixes.

A stored mix has its recipe, its position and the result of each part. Its items are not stored: they are selected
again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from firsthand.core import canonical, selection
from firsthand.core.digests import from_text, stack, to_text
from firsthand.core.verdicts import Flags
from firsthand.schemas.mixes import Mix, Part, PartTaken, Recipe
from firsthand.schemas.models import OriginCounts
from service.claims.view import View
from service.errors import ResourceNotFound, StateConflict, Unprocessable
from service.log.rules import Issuer, moment
from service.mixes.rules import Candidates, Selector, admits, amounts, eligible, enough, membership
from service.mixes.scan import Scan
from service.storage import tables
from service.storage.engine import Database, is_postgresql, now

_ITEMS_PER_CHUNK = 2**15
_ITEMS_PER_WINDOW = 2**22
_EVERY_KEY = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Drawn:
    """A mix in memory: the items that each part selected, sorted by key. A repeated item is stored once."""

    recipe: Recipe
    parts: list[Candidates]
    taken: list[PartTaken]

    @property
    def memory(self) -> int:
        """The size of the items in memory, in bytes. A repeated item counts once."""
        return sum(part.memory for part in self.parts)

    def digests(self) -> Iterator[bytes]:
        """Yield the digests of all items in order, 1 MiB at a time."""
        for number, rows in self._rows():
            yield self.parts[number].digests[rows].tobytes()

    def chunks(self) -> Iterator[tuple[int, Candidates]]:
        """Yield all items in order, 32,768 at a time, each chunk with the number of the part that selected it."""
        for number, rows in self._rows():
            yield number, self.parts[number].at(rows)

    def _rows(self) -> Iterator[tuple[int, slice | npt.NDArray[np.intp]]]:
        for number, (part, taken) in enumerate(zip(self.parts, self.taken, strict=True)):
            for start in range(0, taken.items, _ITEMS_PER_CHUNK):
                end = min(start + _ITEMS_PER_CHUNK, taken.items)
                yield number, np.arange(start, end) % len(part) if end > len(part) else slice(start, end)

    def mix(self, kept: bool) -> Mix:
        """Return the description of this mix. It has an id only if the mix is stored (`kept`)."""
        digest = sha256()
        for chunk in self.digests():
            digest.update(chunk)
        return Mix(
            id=mix_id(self.recipe) if kept else None,
            position=self.recipe.as_of or 0,
            recipe=self.recipe,
            items=sum(part.items for part in self.taken),
            digest=to_text(digest.digest()),
            counts=reduce(add, (part.counts for part in self.taken)),
            parts=self.taken,
            created_at=None,
        )


def mix_id(recipe: Recipe) -> str:
    """Return the id of a mix: the first 32 hexadecimal digits of the SHA-256 of its resolved recipe (RFC 8785).

    Fields with their default value are omitted, so that existing ids do not change if recipes get a new field.
    """
    fields_without_defaults = recipe.model_dump(mode="json", exclude_defaults=True)
    return sha256(canonical.encode(fields_without_defaults)).hexdigest()[:32]


def resolved(recipe: Recipe, view: View) -> Recipe:
    """Return a copy of the recipe in which the position is that of the view."""
    return recipe.model_copy(update={"as_of": view.position})


def draw(scan: Scan, taken: list[PartTaken] | None = None) -> Drawn:
    """Select the items of a mix. The recipe of the scan must be resolved.

    If the mix was selected before, pass its parts as `taken`: then items above the last key of each part are not read.
    All reads are short transactions. They are consistent, because statements up to a position never change. Raises
    Unprocessable, with the number of the part, if a part has too few candidates.
    """
    recipe = scan.recipe
    drawn: list[Candidates] = []
    answers: list[PartTaken] = []
    for number, (part, amount) in enumerate(zip(recipe.parts, amounts(recipe), strict=True)):
        earlier = Candidates.join([Candidates.none(), *drawn])
        bounds = [_last(recipe, part, taken[number])] if taken else _likely(scan, recipe, part, amount, earlier)
        selected, met = _select(scan, recipe, part, amount, bounds, membership(earlier))
        if taken:
            items = taken[number].items
        else:
            items = len(selected) if met or amount is None else _after_shortfall(number, recipe, amount, selected)
        answers.append(
            PartTaken(
                asked=amount,
                items=items,
                size=int(selected.size.sum(dtype=np.int64)) if recipe.unit == "size" else None,
                last=to_text(selected.digests[-1].tobytes()) if len(selected) else None,
                counts=selected.counts(items),
            )
        )
        drawn.append(selected)
    return Drawn(recipe, drawn, answers)


def _select(
    scan: Scan,
    recipe: Recipe,
    part: Part,
    amount: int | None,
    bounds: Sequence[np.uint64],
    earlier: Callable[[Candidates], Flags],
) -> tuple[Candidates, bool]:
    """Return (the items that a part selects, whether they reach its amount).

    The bounds are used one after the other, until there are enough candidates below a bound.
    """
    for bound in bounds:
        selector = Selector(amount, recipe.unit, bound)
        for chunk in scan.candidates(part, lambda selector=selector: selector.bound):  # type: ignore[misc]
            selector.offer(chunk.where(~earlier(chunk)))
        selected = selector.take()
        if selector.met:
            break
    return selected, selector.met


def _likely(scan: Scan, recipe: Recipe, part: Part, amount: int | None, earlier: Candidates) -> list[np.uint64]:
    """Return the bounds for `_select`: a key below which the part probably finds its amount, then the highest key.

    Earlier parts have already selected the items with the smallest keys. So the first bound must leave enough items for
    the amount of this part, in addition to all items of earlier parts that this part admits.
    """
    if amount is None or recipe.unit != "items" or part.weight is not None:
        return [_EVERY_KEY]
    taken = int(admits(part, earlier.verdicts).sum())
    return [enough(amount + taken, scan.pool(part)), _EVERY_KEY]


def _last(recipe: Recipe, part: Part, taken: PartTaken) -> np.uint64:
    """Return the key of the last item that a part selected when its mix was selected for the first time."""
    if taken.last is None or part.weight is not None:
        return _EVERY_KEY
    return np.uint64(selection.keys(stack([from_text(taken.last)]), recipe.seed)[0])


def _after_shortfall(number: int, recipe: Recipe, amount: int, selected: Candidates) -> int:
    """Return how many items a part selects if it has fewer candidates than its amount.

    This depends on the field `shortfall` of the recipe. Raises Unprocessable if `shortfall` is `refuse`, or if there is
    no candidate to repeat.
    """
    if recipe.shortfall == "shrink":
        return len(selected)
    if recipe.shortfall == "repeat" and len(selected):
        return amount
    available = len(selected) if recipe.unit == "items" else int(selected.size.sum(dtype=np.int64))
    raise Unprocessable.at(
        f"parts[{number}]",
        f"the part needs {amount:,} (unit: {recipe.unit}), but only {available:,} are available; use a smaller size, "
        "or set shortfall to shrink or repeat",
    )


def census(database: Database, view: View, part: Part) -> OriginCounts:
    """Return the number of items that a part admits, by verdict and generation. Duplicates count once.

    The items are counted in ranges of keys, one range after the other, so that the memory is limited.
    """
    recipe = Recipe(parts=[part], as_of=view.position)
    scan, ids = Scan(database, view, recipe), view.standing()
    claims = int(view.registrations["items"][ids[eligible(part, view, ids)]].sum(dtype=np.int64))
    windows = claims // _ITEMS_PER_WINDOW + 1
    total = OriginCounts()
    for low, high in pairwise(2**64 * i // windows for i in range(windows + 1)):
        selector = Selector(None, "items", np.uint64(high - 1))
        for chunk in scan.candidates(part, lambda selector=selector: selector.bound):  # type: ignore[misc]
            selector.offer(chunk.where(chunk.order >= np.uint64(low)))
        total += selector.take().counts()
    return total


def check_room(session: Session, organization: Issuer, most: int, besides: str = "") -> None:
    """Raise StateConflict if an organization has already stored `most` mixes.

    The mix with the id `besides` does not count.
    """
    columns = tables.mixes.c
    others = select(func.count()).where(columns.organization == organization.id, columns.id != besides)
    if (session.scalar(others) or 0) >= most:
        raise StateConflict(
            f"{organization.name} has stored {most:,} mixes, which is the limit for an organization. Mixes cannot be "
            "removed. Use mixes that are stored already, select without storing (dry_run), or ask the operator of the "
            "registry to raise FIRSTHAND_MAX_MIXES."
        )


def keep(session: Session, mix: Mix, organization: Issuer) -> tuple[Mix, bool]:
    """Store a mix for an organization if it is not stored yet. Return (the stored mix, whether it is new)."""
    assert mix.id is not None
    kept = mix.model_dump_json(include={"items", "digest", "counts", "parts"})
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    values = {"id": mix.id, "position": mix.position, "recipe": mix.recipe.model_dump_json(), "taken": kept}
    row = {**values, "created_at": now(), "organization": organization.id}
    statement = insert(tables.mixes).values(row).on_conflict_do_nothing()
    new = bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]
    return get(session, mix.id), new


def get(session: Session, id_: str) -> Mix:
    """Return a stored mix. Raises ResourceNotFound if it does not exist."""
    mix = find(session, id_)
    if mix is None:
        raise ResourceNotFound(f"There is no mix {id_}. Check the id, or build the mix again from its recipe.")
    return mix


def find(session: Session, id_: str) -> Mix | None:
    """Return a stored mix, or None."""
    row: Any = session.execute(select(tables.mixes).filter_by(id=id_)).one_or_none()
    if row is None:
        return None
    return Mix(
        id=row.id,
        position=row.position,
        recipe=Recipe.model_validate_json(row.recipe),
        created_at=moment(row.created_at),
        **json.loads(row.taken),
    )
