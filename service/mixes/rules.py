"""How a part of a mix selects: which items it admits, how many it takes, and which have the smallest keys. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings
from firsthand.core.digests import at as digest_rows
from firsthand.core.selection import Keys, exact_share, order, quotas
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, Codes, Flags, Generations, Verdicts
from firsthand.schemas.mixes import Part, Recipe, Unit
from firsthand.schemas.models import OriginCounts
from service.claims.view import NO_TIME, View
from service.errors import Unprocessable
from service.storage.block_layout import Ids

#: A selector holds at least this many candidates above its amount before it drops those with the largest keys.
_SLACK = 2**18
_LAST_KEY = np.uint64(2**64 - 1)


def amounts(recipe: Recipe) -> list[int | None]:
    """Return the amount of each part; None means every candidate. Shares of the total are rounded to its sum."""
    shares = [exact_share(part.share) for part in recipe.parts if part.share is not None]
    divided = iter(quotas(recipe.size or 0, shares))
    return [next(divided) if part.share is not None else part.size for part in recipe.parts]


def eligible(part: Part, view: View, ids: Ids) -> Flags:
    """Return which of the registrations `ids` the part's filters on registrations admit: `[n]`."""
    rows = view.registrations
    admitted = np.ones(len(ids), dtype=np.bool_)
    if part.datasets is not None:
        admitted &= np.isin(rows["dataset"][ids], _named(view, "datasets", part.datasets))
    if part.models is not None:
        admitted &= np.isin(rows["model"][ids], _named(view, "models", part.models))
    if part.collected_before is not None:
        # NO_TIME is later than all times: a registration without a time of collection is not admitted
        admitted &= rows["collected_at"][ids] < min(int(part.collected_before.timestamp()), NO_TIME)
    if part.registered_before is not None:
        admitted &= rows["position"][ids] < part.registered_before
    return admitted


def _named(view: View, kind: str, names: list[str]) -> list[int]:
    """Return the ids of datasets or models. Raises Unprocessable if one is not registered yet."""
    ids = []
    for name in names:
        id_ = view.named("datasets" if kind == "datasets" else "models", name)
        if id_ is None:
            raise Unprocessable.at(kind, f"{name} is not registered at position {view.position}")
        ids.append(id_)
    return ids


def admits(part: Part, verdicts: Verdicts) -> Flags:
    """Return which verdicts the part's filters on verdicts admit: `[n]`."""
    admitted = np.ones(len(verdicts.verdict), dtype=np.bool_)
    if part.verdict_in is not None:
        admitted &= np.isin(verdicts.verdict, [VERDICTS.index(name) for name in part.verdict_in])
    if part.generation_in is not None:
        admitted &= np.isin(verdicts.generation, part.generation_in)
    if part.max_generation is not None:
        known = verdicts.generation != NO_GENERATION
        admitted &= known & (verdicts.generation <= part.max_generation)
        if not part.lower_bounds:
            admitted &= ~verdicts.lower_bound
    return admitted


@dataclass(frozen=True)
class Candidates:
    """Items that a part may take. Arrays are `[n]`.

    `key` is the selection key of an item. `order` is what items are sorted by: the key or, if the part has weights, the
    weighted key.
    """

    digests: Digests
    key: Keys
    order: Keys
    verdict: Codes
    generation: Generations
    lower_bound: Flags
    size: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def bytes(self) -> int:
        """The memory that the arrays take. If `order` is the same array as `key`, it counts once."""
        arrays = {id(array): array for array in (getattr(self, field.name) for field in fields(self))}
        return sum(array.nbytes for array in arrays.values())

    @property
    def verdicts(self) -> Verdicts:
        """The verdict on each item."""
        return Verdicts(self.verdict, self.generation, self.lower_bound)

    def at(self, rows: npt.NDArray[np.integer] | slice) -> "Candidates":
        """Return some items, by their rows."""
        columns = (getattr(self, field.name)[rows] for field in fields(self)[1:])
        chosen = self.digests[rows] if isinstance(rows, slice) else digest_rows(self.digests, rows)
        return Candidates(chosen, *columns)

    def where(self, flags: Flags) -> "Candidates":
        """Return the flagged items; without a copy if all are flagged, which is common."""
        rows = np.flatnonzero(flags)
        return self if len(rows) == len(self) else self.at(rows)

    @staticmethod
    def join(parts: list["Candidates"]) -> "Candidates":
        """Return the items of all parts, one part after the other."""
        return Candidates(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Candidates)))

    @staticmethod
    def none() -> "Candidates":
        """Return no items."""
        keys, codes = np.empty(0, np.uint64), np.empty(0, np.uint8)
        generation, bound, size = np.empty(0, np.int16), np.empty(0, np.bool_), np.empty(0, np.uint32)
        return Candidates(np.empty((0, 32), np.uint8), keys, keys, codes, generation, bound, size)

    def counts(self, items: int | None = None) -> OriginCounts:
        """Count the items by verdict, and those of models by generation.

        If `items` is given, the n items are repeated until there are so many: each counts ⌊items/n⌋ times, and the
        first ones once more.
        """
        rounds, remaining = divmod(len(self) if items is None else items, max(len(self), 1))
        if not remaining:
            return self._counts(rounds)
        return self._counts(rounds) + self.at(np.arange(remaining))._counts(1)

    def _counts(self, times: int) -> OriginCounts:
        by_verdict = np.bincount(self.verdict, minlength=len(VERDICTS))
        named = {name: times * int(count) for name, count in zip(VERDICTS, by_verdict, strict=True)}
        generations, counts = np.unique(self.generation[self.generation > 0], return_counts=True)
        by_generation = {str(g): times * int(n) for g, n in zip(generations, counts, strict=True)}
        return OriginCounts(**named, generations=by_generation, lower_bounds=times * int(self.lower_bound.sum()))


class Selector:
    """Keeps the candidates with the smallest keys, up to an amount, without duplicates, in bounded memory.

    `offer` may be called with any number of chunks in any order. If an item is offered twice with the same key, the
    first one stays. Memory holds about twice the amount and never all candidates.
    """

    def __init__(self, amount: int | None, unit: Unit, bound: np.uint64 = _LAST_KEY) -> None:
        self._amount, self._unit = amount, unit
        self._kept, self._pending = Candidates.none(), list[Candidates]()
        self._waiting = 0
        #: A candidate with a greater key cannot be taken any more.
        self.bound = bound
        #: Whether enough candidates were offered for the amount.
        self.met = amount is None

    def offer(self, chunk: Candidates) -> None:
        """Consider some candidates."""
        self._pending.append(chunk.where(chunk.order <= self.bound))
        self._waiting += len(self._pending[-1])
        if self._amount is not None and self._waiting > max(len(self._kept), _SLACK):
            self._compact()

    def take(self) -> Candidates:
        """Return the selected items, sorted by `order`."""
        self._compact()
        return self._kept

    def _compact(self) -> None:
        held = Candidates.join([self._kept, *self._pending])
        held = held.at(order(held.digests, held.order))
        held = held.where(_first_of_each(held))
        if self._amount is not None:
            end = self._end(held)
            if end < len(held):  # a candidate after the first dropped one can never be taken; one before it may be
                self.bound = held.order[end]
            self.met |= end < len(held) or self._measure(held) == self._amount
            held = held.at(np.arange(end)) if end < len(held) else held  # a copy: a slice would keep all in memory
        self._kept, self._pending, self._waiting = held, [], 0

    def _measure(self, held: Candidates) -> int:
        """Return how much of the amount these candidates are, in its unit."""
        return len(held) if self._unit == "items" else int(held.size.sum(dtype=np.int64))

    def _end(self, held: Candidates) -> int:
        """Return how many of the sorted candidates fit into the amount."""
        assert self._amount is not None
        if self._unit == "items":
            return min(self._amount, len(held))
        return int(np.searchsorted(np.cumsum(held.size, dtype=np.int64), self._amount, "right"))


def _first_of_each(held: Candidates) -> Flags:
    """Return which of the sorted candidates are the first with their digest."""
    first = np.ones(len(held), dtype=np.bool_)
    same = np.flatnonzero(held.order[1:] == held.order[:-1])
    first[same + 1] = (held.digests[same + 1] != held.digests[same]).any(axis=1)
    if (held.key != held.order).any():  # weighted: a digest may occur with two confidences; the smaller order counts
        _, rows = np.unique(held.key, return_index=True)
        if len(rows) < len(held):
            _, rows = np.unique(as_strings(held.digests), return_index=True)
            first[:] = False
            first[rows] = True
    return first


def enough(amount: int, pool: int) -> np.uint64:
    """Return a key below which `amount` of `pool` candidates lie, with high probability, if digests are uniform.

    The margin is six standard deviations and 2 %, for items that occur twice. The key only saves reading what lies
    above it: a caller that finds too few candidates below it must look at all.
    """
    most = 1.02 * amount + 6 * amount**0.5 + 16
    return _LAST_KEY if most >= pool else np.uint64(int(most * 2**64 / pool))


def membership(taken: Candidates) -> Callable[[Candidates], Flags]:
    """Return a test of which candidates are among `taken`: by the key, then by the digest itself."""
    by_key = np.argsort(taken.key, kind="stable")
    taken_keys, taken_digests = taken.key[by_key], taken.digests[by_key]
    # the most items that share one key; more than one only if digests were crafted
    longest = int(np.unique(taken_keys, return_counts=True)[1].max(initial=0))

    def among(chunk: Candidates) -> Flags:
        start = np.searchsorted(taken_keys, chunk.key)
        flags = np.zeros(len(chunk), dtype=np.bool_)
        for step in range(longest):
            row = np.minimum(start + step, len(taken_keys) - 1)
            flags |= (taken_keys[row] == chunk.key) & (taken_digests[row] == chunk.digests).all(axis=1)
        return flags

    return among
