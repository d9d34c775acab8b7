"""What the registry must say, computed by other means: from what was acknowledged, in plain Python and numpy.

It shares nothing with the service but the frozen keyed order of mixes (`firsthand.core.selection`).
"""

import threading
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from firsthand.core import selection
from firsthand.schemas.mixes import Part, Recipe

NEVER = 2**62
UNKNOWN, HUMAN, MODEL, CONTESTED = range(4)
NAMES = {"unknown": UNKNOWN, "human": HUMAN, "model": MODEL, "contested": CONTESTED}


@dataclass
class Said:
    """A registration that was acknowledged at `position`; `items` are all its digests, each once."""

    position: int
    organization: str
    dataset: str
    origin: str
    generation: int
    items: frozenset[bytes]
    withdrawn: int = NEVER
    items_withdrawn: dict[bytes, int] = field(default_factory=dict)
    disputes: list["Disputed"] = field(default_factory=list)


@dataclass
class Disputed:
    """A dispute at `position` of a registration, of all its items where none are named, until it is withdrawn."""

    position: int
    items: frozenset[bytes] | None
    withdrawn: int = NEVER

    def stands(self, digest: bytes, position: int) -> bool:
        return self.position <= position < self.withdrawn and (self.items is None or digest in self.items)


@dataclass(frozen=True)
class Claims:
    """Claims on n items as columns `[m]`, sorted by item: with the disputes of each, to be judged at any position."""

    digests: list[bytes]
    item: npt.NDArray[np.int64]
    by: list[Said]
    position: npt.NDArray[np.int64]
    withdrawn: npt.NDArray[np.int64]
    contested: list[tuple[int, Disputed]]

    def standing(self, at: int) -> npt.NDArray[np.bool_]:
        return (self.position <= at) & (at < self.withdrawn)

    def judge(self, at: int, policy: str = "strict") -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
        """(verdict, generation or -1) of each item at a position."""
        stands = self.standing(at)
        says = np.array([said.origin for said in self.by], dtype="U8")
        generation = np.array([said.generation for said in self.by], dtype=np.int64)
        disputed = np.zeros(len(self.by), dtype=np.bool_)
        for row, dispute in self.contested:
            disputed[row] |= dispute.stands(self.digests[self.item[row]], at)
        n = len(self.digests)
        human, model, open_ = (
            np.bincount(self.item[stands & which], minlength=n) > 0
            for which in (says == "human", says == "model", disputed)
        )
        highest = np.full(n, -1, dtype=np.int64)
        rows = np.flatnonzero(stands & (says == "model"))
        np.maximum.at(highest, self.item[rows], generation[rows])
        contested = open_ | (human & model)
        if policy == "pessimistic":
            contested &= ~model
        verdict = np.select([contested, model, human], [CONTESTED, MODEL, HUMAN], UNKNOWN).astype(np.int8)
        return verdict, np.select([verdict == MODEL, verdict == HUMAN], [highest, 0], -1)


class Model:
    """All that was acknowledged, by position. Threads share it."""

    def __init__(self, known: Sequence[int]) -> None:
        """`known`: the positions of what was said before the load began, none of it about items."""
        self._lock = threading.RLock()
        self._positions = sorted(known)
        self._frontier = 0
        self.registrations: dict[int, Said] = {}
        self.disputes: dict[int, Disputed] = {}
        self._by_digest: dict[bytes, list[int]] = {}

    # What was acknowledged.

    def registered(self, said: Said) -> None:
        with self._lock:
            self._reached(said.position)
            self.registrations[said.position] = said
            for digest in said.items:
                insort(self._by_digest.setdefault(digest, []), said.position)

    def withdrew(self, position: int, statement: int, items: frozenset[bytes] | None = None) -> None:
        with self._lock:
            self._reached(position)
            if statement in self.disputes:
                self.disputes[statement].withdrawn = position
            elif items is None:
                self.registrations[statement].withdrawn = position
            else:
                self.registrations[statement].items_withdrawn.update(dict.fromkeys(items, position))

    def disputed(self, position: int, registration: int, items: frozenset[bytes] | None) -> None:
        with self._lock:
            self._reached(position)
            self.disputes[position] = Disputed(position, items)
            self.registrations[registration].disputes.append(self.disputes[position])

    def _reached(self, position: int) -> None:
        insort(self._positions, position)

    # What follows.

    @property
    def positions(self) -> list[int]:
        with self._lock:
            return list(self._positions)

    @property
    def newest(self) -> int:
        """The highest position that was acknowledged."""
        with self._lock:
            return self._positions[-1]

    @property
    def frontier(self) -> int:
        """The highest position below which all is known: of what is above, an answer may still be on its way."""
        with self._lock:
            while self._frontier < len(self._positions) and self._positions[self._frontier] == self._frontier + 1:
                self._frontier += 1
            return self._frontier

    def everything(self) -> list[bytes]:
        with self._lock:
            return sorted(self._by_digest)

    def claims(self, digests: list[bytes]) -> Claims:
        """The claims on distinct digests."""
        with self._lock:
            item, by, withdrawn, contested = [], list[Said](), [], list[tuple[int, Disputed]]()
            for place, digest in enumerate(digests):
                for position in self._by_digest.get(digest, ()):
                    said = self.registrations[position]
                    contested += [(len(by), dispute) for dispute in said.disputes]
                    item.append(place)
                    by.append(said)
                    withdrawn.append(min(said.withdrawn, said.items_withdrawn.get(digest, NEVER)))
            columns = (np.array(column, dtype=np.int64) for column in (item, [s.position for s in by], withdrawn))
            items, positions, gone = columns
            return Claims(digests, items, by, positions, gone, contested)


def draw(claims: Claims, recipe: Recipe, at: int) -> tuple[int, str]:
    """(items, SHA-256 over the digests in order) of a mix of all that is in `claims`, at a position."""
    digests = np.frombuffer(b"".join(claims.digests), dtype=np.uint8).reshape(-1, 32)
    verdict, generation = claims.judge(at, recipe.policy)
    keys = selection.keys(digests, recipe.seed)
    order = selection.order(digests, keys)
    free = np.ones(len(digests), dtype=np.bool_)
    total, hashed = 0, sha256()
    for part, amount in zip(recipe.parts, _amounts(recipe), strict=True):
        admitted = free & _admitted(claims, part, at, verdict, generation)
        rows = order[admitted[order]][:amount]
        free[rows] = False
        total += len(rows)
        hashed.update(digests[rows].tobytes())
    return total, f"sha256:{hashed.hexdigest()}"


def _amounts(recipe: Recipe) -> list[int | None]:
    shares = [selection.exact_share(part.share) for part in recipe.parts if part.share is not None]
    quotas = iter(selection.quotas(recipe.size or 0, shares))
    return [part.size if part.share is None else next(quotas) for part in recipe.parts]


def _admitted(
    claims: Claims, part: Part, at: int, verdict: npt.NDArray[np.int8], generation: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Items that one standing claim of an admitted dataset names, and whose verdict and generation pass."""
    stands = claims.standing(at)
    if part.datasets is not None:
        stands &= np.isin(np.array([said.dataset for said in claims.by], dtype="U64"), part.datasets)
    admitted = np.bincount(claims.item[stands], minlength=len(claims.digests)) > 0
    if part.verdict_in is not None:
        admitted &= np.isin(verdict, [NAMES[name] for name in part.verdict_in])
    if part.generation_in is not None:
        admitted &= np.isin(generation, part.generation_in)
    return admitted
