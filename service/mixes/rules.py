"""How a part of a mix chooses: what it admits, how much it takes, the smallest keys in bounded memory. Pure."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from firsthand.core import digests
from firsthand.core.digests import Digests, as_strings
from firsthand.core.selection import Keys, exact_share, order, quotas
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, Codes, Generations, Verdicts
from firsthand.schemas.mixes import Part, Recipe, Unit
from firsthand.schemas.models import OriginCounts
from service.claims.catalog import NO_TIME, Flags, Ids, View
from service.errors import Unprocessable

#: Candidates that are held beyond what is asked for, before the largest keys are dropped.
_SLACK = 2**18
_LAST_KEY = np.uint64(2**64 - 1)


def amounts(recipe: Recipe) -> list[int | None]:
    """What each part asks for; None is every candidate. Shares of the total go by largest remainder."""
    shares = [exact_share(part.share) for part in recipe.parts if part.share is not None]
    divided = iter(quotas(recipe.size or 0, shares))
    return [next(divided) if part.share is not None else part.size for part in recipe.parts]


def eligible(part: Part, view: View, ids: Ids) -> Flags:
    """Which of the registrations the part's filters on registrations admit."""
    rows = view.registrations
    admitted = np.ones(len(ids), dtype=np.bool_)
    if part.datasets is not None:
        admitted &= np.isin(rows["dataset"][ids], _named(view, "datasets", part.datasets))
    if part.models is not None:
        admitted &= np.isin(rows["model"][ids], _named(view, "models", part.models))
    if part.collected_before is not None:
        # NO_TIME is later than all times: what does not say when it was collected is left out
        admitted &= rows["collected_at"][ids] < min(int(part.collected_before.timestamp()), NO_TIME)
    if part.registered_before is not None:
        admitted &= rows["position"][ids] < part.registered_before
    return admitted


def _named(view: View, kind: str, names: list[str]) -> list[int]:
    ids = []
    for name in names:
        id_ = view.named("datasets" if kind == "datasets" else "models", name)
        if id_ is None:
            raise Unprocessable.at(kind, f"{name} is not registered at position {view.position}")
        ids.append(id_)
    return ids


def admits(part: Part, verdicts: Verdicts) -> Flags:
    """Which verdicts the part's filters on verdicts admit: `[n]`."""
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
    """Items that a part may take. Arrays are `[n]`; sorted by `order`, known by `place`, the unweighted key."""

    digests: Digests
    place: Keys
    order: Keys
    verdict: Codes
    generation: Generations
    lower_bound: Flags
    size: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def verdicts(self) -> Verdicts:
        return Verdicts(self.verdict, self.generation, self.lower_bound)

    def at(self, rows: npt.NDArray[np.integer] | slice) -> "Candidates":
        columns = (getattr(self, field.name)[rows] for field in fields(self)[1:])
        chosen = self.digests[rows] if isinstance(rows, slice) else digests.at(self.digests, rows)
        return Candidates(chosen, *columns)

    def where(self, flags: Flags) -> "Candidates":
        """Those that are flagged; often all are."""
        rows = np.flatnonzero(flags)
        return self if len(rows) == len(self) else self.at(rows)

    @staticmethod
    def join(parts: list["Candidates"]) -> "Candidates":
        return Candidates(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Candidates)))

    @staticmethod
    def none() -> "Candidates":
        keys, codes = np.empty(0, np.uint64), np.empty(0, np.uint8)
        generation, bound, size = np.empty(0, np.int16), np.empty(0, np.bool_), np.empty(0, np.uint32)
        return Candidates(np.empty((0, 32), np.uint8), keys, keys, codes, generation, bound, size)

    def counts(self, items: int | None = None) -> OriginCounts:
        """Items by verdict, and those of models by generation; of `items` where all are taken again and again.

        Each of n items then counts ⌊items/n⌋ times, and the first ones once more.
        """
        rounds, rest = divmod(len(self) if items is None else items, max(len(self), 1))
        return added(self._counts(rounds), self.at(np.arange(rest))._counts(1)) if rest else self._counts(rounds)

    def _counts(self, times: int) -> OriginCounts:
        by_verdict = np.bincount(self.verdict, minlength=len(VERDICTS))
        named = {name: times * int(count) for name, count in zip(VERDICTS, by_verdict, strict=True)}
        generations, counts = np.unique(self.generation[self.generation > 0], return_counts=True)
        by_generation = {str(g): times * int(n) for g, n in zip(generations, counts, strict=True)}
        return OriginCounts(**named, generations=by_generation, lower_bounds=times * int(self.lower_bound.sum()))


class Selector:
    """Keeps the candidates with the smallest keys that an amount admits, each digest once, in bounded memory.

    `offer` may be called with any number of chunks, in any order; of an item that is offered twice with the same key
    the first stays. Memory holds about twice what is asked for, and never the pool.
    """

    def __init__(self, amount: int | None, unit: Unit, bound: np.uint64 = _LAST_KEY) -> None:
        self._amount, self._unit = amount, unit
        self._kept, self._pending = Candidates.none(), list[Candidates]()
        self._waiting = 0
        #: No candidate with a greater key can be taken any more.
        self.bound = bound
        #: Whether there was as much as the amount asks for.
        self.met = amount is None

    def offer(self, chunk: Candidates) -> None:
        self._pending.append(chunk.where(chunk.order <= self.bound))
        self._waiting += len(self._pending[-1])
        if self._amount is not None and self._waiting > max(len(self._kept), _SLACK):
            self._compact()

    def take(self) -> Candidates:
        """What was selected, in the keyed order."""
        self._compact()
        return self._kept

    def _compact(self) -> None:
        held = Candidates.join([self._kept, *self._pending])
        held = held.at(order(held.digests, held.order))
        held = held.where(_first_of_each(held))
        if self._amount is not None:
            end = self._end(held)
            if end < len(held):  # what comes after the first one left out can never be taken; one before it may
                self.bound = held.order[end]
            self.met |= end < len(held) or self._measure(held) == self._amount
            held = held.at(np.arange(end)) if end < len(held) else held  # a copy: a slice would keep all
        self._kept, self._pending, self._waiting = held, [], 0

    def _measure(self, held: Candidates) -> int:
        return len(held) if self._unit == "items" else int(held.size.sum(dtype=np.int64))

    def _end(self, held: Candidates) -> int:
        """How many of the sorted candidates the amount admits: so many items, or the longest run within the sizes."""
        assert self._amount is not None
        if self._unit == "items":
            return min(self._amount, len(held))
        return int(np.searchsorted(np.cumsum(held.size, dtype=np.int64), self._amount, "right"))


def _first_of_each(held: Candidates) -> Flags:
    """Of sorted candidates, the first of each digest."""
    first = np.ones(len(held), dtype=np.bool_)
    same = np.flatnonzero(held.order[1:] == held.order[:-1])
    first[same + 1] = (held.digests[same + 1] != held.digests[same]).any(axis=1)
    if (held.place != held.order).any():  # weighted: one digest may stand with two confidences, the smaller key counts
        _, rows = np.unique(held.place, return_index=True)
        if len(rows) < len(held):
            _, rows = np.unique(as_strings(held.digests), return_index=True)
            first[:] = False
            first[rows] = True
    return first


def enough(amount: int, pool: int) -> np.uint64:
    """A key under which so many of a pool's candidates lie, most probably, where their digests are uniform.

    Six standard deviations and 2 % above, for items that stand twice. It spares reading what lies above, and decides
    nothing: who finds too little under it looks at everything.
    """
    most = 1.02 * amount + 6 * amount**0.5 + 16
    return _LAST_KEY if most >= pool else np.uint64(int(most * 2**64 / pool))


def membership(taken: Candidates) -> Callable[[Candidates], Flags]:
    """A test of which candidates are among `taken`, by the unweighted key, then by the digest itself."""
    order_ = np.argsort(taken.place, kind="stable")
    places, digests = taken.place[order_], taken.digests[order_]
    # as many items as share one key; more than one only where digests were crafted to
    longest = int(np.unique(places, return_counts=True)[1].max(initial=0))

    def among(chunk: Candidates) -> Flags:
        start = np.searchsorted(places, chunk.place)
        found = np.zeros(len(chunk), dtype=np.bool_)
        for step in range(longest):
            at = np.minimum(start + step, len(places) - 1)
            found |= (places[at] == chunk.place) & (digests[at] == chunk.digests).all(axis=1)
        return found

    return among


def added(a: OriginCounts, b: OriginCounts) -> OriginCounts:
    """The counts of two sets of items together."""
    generations = Counter(a.generations) + Counter(b.generations)
    counted = {name: getattr(a, name) + getattr(b, name) for name in (*VERDICTS, "lower_bounds")}
    return OriginCounts(**counted, generations=dict(sorted(generations.items(), key=lambda pair: int(pair[0]))))
