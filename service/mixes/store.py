"""Mixes: kept as recipe, position and what each part took; their items are drawn again, never stored."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from firsthand.core import canonical, selection
from firsthand.core.digests import from_text, stack, to_text
from firsthand.schemas.mixes import Mix, Part, PartTaken, Recipe
from firsthand.schemas.models import OriginCounts
from service.claims.catalog import Flags, View
from service.errors import NotFound, Unprocessable
from service.log.rules import moment
from service.mixes.rules import Candidates, Selector, added, admits, amounts, eligible, enough, membership
from service.mixes.scan import Scan
from service.storage import tables
from service.storage.engine import Database, is_postgresql, now

_ITEMS_A_CHUNK = 2**15
_ITEMS_A_WINDOW = 2**22
_EVERY_KEY = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Drawn:
    """A mix in memory: what each part took, in the keyed order, an item that it repeats once."""

    recipe: Recipe
    parts: list[Candidates]
    taken: list[PartTaken]

    @property
    def held(self) -> int:
        """Items in memory."""
        return sum(len(part) for part in self.parts)

    def digests(self) -> Iterator[bytes]:
        """The digests of all items in order, 1 MiB at a time."""
        for number, rows in self._rows():
            yield self.parts[number].digests[rows].tobytes()

    def chunks(self) -> Iterator[tuple[int, Candidates]]:
        """All items in order, as many at a time, with the number of the part that took them."""
        for number, rows in self._rows():
            yield number, self.parts[number].at(rows)

    def _rows(self) -> Iterator[tuple[int, slice | npt.NDArray[np.intp]]]:
        for number, (part, taken) in enumerate(zip(self.parts, self.taken, strict=True)):
            for start in range(0, taken.items, _ITEMS_A_CHUNK):
                end = min(start + _ITEMS_A_CHUNK, taken.items)
                yield number, np.arange(start, end) % len(part) if end > len(part) else slice(start, end)

    def mix(self, kept: bool) -> Mix:
        """The answer for this draw; one that is kept has an id, the digest of its resolved recipe."""
        digest = sha256()
        for chunk in self.digests():
            digest.update(chunk)
        return Mix(
            id=mix_id(self.recipe) if kept else None,
            position=self.recipe.as_of or 0,
            recipe=self.recipe,
            items=sum(part.items for part in self.taken),
            digest=to_text(digest.digest()),
            counts=reduce(added, (part.counts for part in self.taken)),
            parts=self.taken,
            created_at=None,
        )


def mix_id(recipe: Recipe) -> str:
    """A resolved recipe is the mix: the first 32 hexadecimal digits of the SHA-256 of its RFC 8785 bytes.

    What has its default is left out, so that a field that recipes may get later changes no id.
    """
    said = recipe.model_dump(mode="json", exclude_defaults=True)
    return sha256(canonical.encode(said)).hexdigest()[:32]


def draw(database: Database, view: View, recipe: Recipe, taken: list[PartTaken] | None = None) -> Drawn:
    """Draw a mix at the view's position. `taken`, of a mix drawn before, spares what lies above each last key.

    Reads in short transactions; the position makes them one. Raises Unprocessable naming the part that falls short.
    """
    recipe = recipe.model_copy(update={"as_of": view.position})
    scan = Scan(database, view, recipe)
    drawn: list[Candidates] = []
    answers: list[PartTaken] = []
    for number, (part, amount) in enumerate(zip(recipe.parts, amounts(recipe), strict=True)):
        earlier = Candidates.join([Candidates.none(), *drawn])
        bounds = [_last(recipe, part, taken[number])] if taken else _likely(scan, recipe, part, amount, earlier)
        found, met = _select(scan, recipe, part, amount, bounds, membership(earlier))
        if taken:
            items = taken[number].items
        else:
            items = len(found) if met or amount is None else _mended(number, recipe, amount, found)
        answers.append(_answer(amount, found, items, recipe))
        drawn.append(found)
    return Drawn(recipe, drawn, answers)


def _select(
    scan: Scan,
    recipe: Recipe,
    part: Part,
    amount: int | None,
    bounds: Sequence[np.uint64],
    earlier: Callable[[Candidates], Flags],
) -> tuple[Candidates, bool]:
    """What a part takes, and whether it is all it asks for: under the first of the bounds that has it, or the last."""
    for bound in bounds:
        selector = Selector(amount, recipe.unit, bound)
        for chunk in scan.candidates(part, lambda selector=selector: selector.bound):  # type: ignore[misc]
            selector.offer(chunk.where(~earlier(chunk)))
        found = selector.take()
        if selector.met:
            break
    return found, selector.met


def _likely(scan: Scan, recipe: Recipe, part: Part, amount: int | None, earlier: Candidates) -> list[np.uint64]:
    """A bound under which the part most probably finds enough, then none.

    What earlier parts took has the smallest keys of all, so what of it this part admits has to be passed over too.
    """
    if amount is None or recipe.unit != "items" or part.weight is not None:
        return [_EVERY_KEY]
    taken = int(admits(part, earlier.verdicts).sum())
    return [enough(amount + taken, scan.pool(part)), _EVERY_KEY]


def _last(recipe: Recipe, part: Part, taken: PartTaken) -> np.uint64:
    """The last key that a part took when its mix was drawn first."""
    if taken.last is None or part.weight is not None:
        return _EVERY_KEY
    return np.uint64(selection.keys(stack([from_text(taken.last)]), recipe.seed)[0])


def _answer(amount: int | None, found: Candidates, items: int, recipe: Recipe) -> PartTaken:
    return PartTaken(
        asked=amount,
        items=items,
        size=int(found.size.sum(dtype=np.int64)) if recipe.unit == "size" else None,
        last=to_text(found.digests[-1].tobytes()) if len(found) else None,
        counts=found.counts(items),
    )


def _mended(number: int, recipe: Recipe, amount: int, found: Candidates) -> int:
    """How many items a part takes that found too little, as the recipe says."""
    if recipe.shortfall == "shrink":
        return len(found)
    if recipe.shortfall == "repeat" and len(found):
        return amount
    there = len(found) if recipe.unit == "items" else int(found.size.sum(dtype=np.int64))
    raise Unprocessable.at(f"parts[{number}]", f"asks for {amount:,} {recipe.unit}, and there are {there:,}")


def census(database: Database, view: View, part: Part) -> OriginCounts:
    """The counts of all that a part admits, each item once, in bounded memory: one range of keys after the other."""
    recipe = Recipe(parts=[part], as_of=view.position)
    scan, ids = Scan(database, view, recipe), view.standing()
    claims = int(view.registrations["items"][ids[eligible(part, view, ids)]].sum(dtype=np.int64))
    windows = claims // _ITEMS_A_WINDOW + 1
    total = OriginCounts()
    for low, high in pairwise(2**64 * i // windows for i in range(windows + 1)):
        selector = Selector(None, "items", np.uint64(high - 1))
        for chunk in scan.candidates(part, lambda selector=selector: selector.bound):  # type: ignore[misc]
            selector.offer(chunk.where(chunk.order >= np.uint64(low)))
        total = added(total, selector.take().counts())
    return total


def keep(session: Session, mix: Mix) -> tuple[Mix, bool]:
    """Store a mix unless it is there. Returns (the mix as it is stored, whether it is new)."""
    assert mix.id is not None
    kept = mix.model_dump_json(include={"items", "digest", "counts", "parts"})
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    values = {"id": mix.id, "position": mix.position, "recipe": mix.recipe.model_dump_json(), "taken": kept}
    statement = insert(tables.mixes).values(**values, created_at=now()).on_conflict_do_nothing()
    new = bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]
    return get(session, mix.id), new


def get(session: Session, id_: str) -> Mix:
    row: Any = session.execute(select(tables.mixes).filter_by(id=id_)).one_or_none()
    if row is None:
        raise NotFound(f"There is no mix {id_}.")
    return Mix(
        id=row.id,
        position=row.position,
        recipe=Recipe.model_validate_json(row.recipe),
        created_at=moment(row.created_at),
        **json.loads(row.taken),
    )
