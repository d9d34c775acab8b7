"""The selection of a part of a mix: which items the part admits, and how many it selects in the order of their keys.

These functions have no side effects.
"""

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

#: A selector removes candidates with large keys only when it has at least this many more candidates than its amount.
_SLACK = 2**18
_LAST_KEY = np.uint64(2**64 - 1)


def amounts(recipe: Recipe) -> list[int | None]:
    """Return the amount of each part. None means that the part selects all candidates.

    If parts have shares of a total size, their amounts are rounded so that their sum is the total.
    """
    shares = [exact_share(part.share) for part in recipe.parts if part.share is not None]
    divided = iter(quotas(recipe.size or 0, shares))
    return [next(divided) if part.share is not None else part.size for part in recipe.parts]


def eligible(part: Part, view: View, ids: Ids) -> Flags:
    """Return which of the n registrations `ids` pass the filters of `part` on registrations: `bool[n]`."""
    rows = view.registrations
    admitted = np.ones(len(ids), dtype=np.bool_)
    if part.datasets is not None:
        admitted &= np.isin(rows["dataset"][ids], _named(view, "datasets", part.datasets))
    if part.models is not None:
        admitted &= np.isin(rows["model"][ids], _named(view, "models", part.models))
    if part.collected_before is not None:
        # without a time of collection, a registration has NO_TIME, which is later than all times: it is not admitted
        admitted &= rows["collected_at"][ids] < min(int(part.collected_before.timestamp()), NO_TIME)
    if part.registered_before is not None:
        admitted &= rows["position"][ids] < part.registered_before
    return admitted


def _named(view: View, kind: str, names: list[str]) -> list[int]:
    """Return the ids of datasets or models. Raises Unprocessable if a name is not registered at the view's position."""
    ids = []
    for name in names:
        id_ = view.named("datasets" if kind == "datasets" else "models", name)
        if id_ is None:
            raise Unprocessable.at(
                kind, f"{name} is not registered at position {view.position}; check the name, or use a later position"
            )
        ids.append(id_)
    return ids


def admits(part: Part, verdicts: Verdicts) -> Flags:
    """Return which of n verdicts pass the filters of `part` on verdicts and generations: `bool[n]`."""
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


#: The most bytes of an item in `Candidates`: its digest, two keys, verdict, generation, flag and size.
ITEM_BYTES = 32 + 2 * 8 + 1 + 2 + 1 + 4


@dataclass(frozen=True)
class Candidates:
    """n items that a part can select. Arrays are `[n]`.

    `key` is the selection key of an item. Items are sorted by `order`: the key or, if the part has weights, the
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
    def memory(self) -> int:
        """The bytes of the arrays: at most `ITEM_BYTES` per item. If `order` is the array `key`, it counts once."""
        arrays = {id(array): array for array in (getattr(self, field.name) for field in fields(self))}
        return sum(array.nbytes for array in arrays.values())

    @property
    def verdicts(self) -> Verdicts:
        """The verdict on each item."""
        return Verdicts(self.verdict, self.generation, self.lower_bound)

    def at(self, rows: npt.NDArray[np.integer] | slice) -> "Candidates":
        """Return the items in these rows, in this order."""
        columns = (getattr(self, field.name)[rows] for field in fields(self)[1:])
        chosen = self.digests[rows] if isinstance(rows, slice) else digest_rows(self.digests, rows)
        return Candidates(chosen, *columns)

    def where(self, flags: Flags) -> "Candidates":
        """Return the items whose flag is true. If all flags are true, which is frequent, no copy is made."""
        rows = np.flatnonzero(flags)
        return self if len(rows) == len(self) else self.at(rows)

    @staticmethod
    def join(parts: list["Candidates"]) -> "Candidates":
        """Return the items of all elements of `parts` as one set, in this order."""
        return Candidates(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Candidates)))

    @staticmethod
    def none() -> "Candidates":
        """Return an empty set of candidates."""
        keys, codes = np.empty(0, np.uint64), np.empty(0, np.uint8)
        generation, bound, size = np.empty(0, np.int16), np.empty(0, np.bool_), np.empty(0, np.uint32)
        return Candidates(np.empty((0, 32), np.uint8), keys, keys, codes, generation, bound, size)

    def counts(self, items: int | None = None) -> OriginCounts:
        """Return the number of items by verdict, and the number of model items by generation.

        If `items` is given, the n items are repeated in order until there are `items` of them: each item counts
        ⌊items/n⌋ times, and each of the first (items mod n) items counts once more.
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
    """Selects the candidates with the smallest keys, up to an amount, without duplicates, in limited memory.

    `offer` can be called with any number of chunks in any order. If an item is offered twice with the same key, the
    first one is selected. The memory is that of about twice the amount, not of all candidates.
    """

    def __init__(self, amount: int | None, unit: Unit, bound: np.uint64 = _LAST_KEY) -> None:
        self._amount, self._unit = amount, unit
        self._kept, self._pending = Candidates.none(), list[Candidates]()
        self._waiting = 0
        #: The largest key that can still be selected.
        self.bound = bound
        #: Whether enough candidates for the amount were offered.
        self.met = amount is None

    def offer(self, chunk: Candidates) -> None:
        """Add a chunk of candidates to the selection."""
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
            if end < len(held):  # a candidate after the first removed one can never be selected
                self.bound = held.order[end]
            self.met |= end < len(held) or self._measure(held) == self._amount
            held = (
                held.at(np.arange(end)) if end < len(held) else held
            )  # a copy, because a slice would keep all candidates in memory
        self._kept, self._pending, self._waiting = held, [], 0

    def _measure(self, held: Candidates) -> int:
        """Return the amount of these candidates, in the unit of the recipe: their number or their total size."""
        return len(held) if self._unit == "items" else int(held.size.sum(dtype=np.int64))

    def _end(self, held: Candidates) -> int:
        """Return how many of the sorted candidates, from the first on, fit into the amount."""
        assert self._amount is not None
        if self._unit == "items":
            return min(self._amount, len(held))
        return int(np.searchsorted(np.cumsum(held.size, dtype=np.int64), self._amount, "right"))


def _first_of_each(held: Candidates) -> Flags:
    """Return, for each of the sorted candidates, whether it is the first one with its digest: `bool[n]`."""
    first = np.ones(len(held), dtype=np.bool_)
    same = np.flatnonzero(held.order[1:] == held.order[:-1])
    first[same + 1] = (held.digests[same + 1] != held.digests[same]).any(axis=1)
    if (
        held.key != held.order
    ).any():  # with weights, a digest may occur with two confidences: the smaller order counts
        _, rows = np.unique(held.key, return_index=True)
        if len(rows) < len(held):
            _, rows = np.unique(as_strings(held.digests), return_index=True)
            first[:] = False
            first[rows] = True
    return first


def enough(amount: int, pool: int) -> np.uint64:
    """Return a key below which, with high probability, at least `amount` of `pool` candidates are.

    This assumes that digests are uniformly distributed. The margin is six standard deviations, and 2 % for items that
    occur twice. With this key, candidates above it need not be read. If there are too few candidates below the key, the
    caller must read all candidates.
    """
    most = 1.02 * amount + 6 * amount**0.5 + 16
    return _LAST_KEY if most >= pool else np.uint64(int(most * 2**64 / pool))


def membership(taken: Candidates) -> Callable[[Candidates], Flags]:
    """Return a function that tests which candidates are in `taken`.

    The function compares first the keys, then the digests.
    """
    by_key = np.argsort(taken.key, kind="stable")
    taken_keys, taken_digests = taken.key[by_key], taken.digests[by_key]
    # the maximum number of items with the same key; it is 1 unless an attacker has crafted digests
    longest = int(np.unique(taken_keys, return_counts=True)[1].max(initial=0))

    def among(chunk: Candidates) -> Flags:
        start = np.searchsorted(taken_keys, chunk.key)
        flags = np.zeros(len(chunk), dtype=np.bool_)
        for step in range(longest):
            row = np.minimum(start + step, len(taken_keys) - 1)
            flags |= (taken_keys[row] == chunk.key) & (taken_digests[row] == chunk.digests).all(axis=1)
        return flags

    return among
