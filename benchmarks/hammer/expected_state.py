"""The state that the registry must have, computed from the acknowledged calls in plain Python and numpy.

It shares no code with the service except the frozen order of mixes (`firsthand.core.selection`).
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

#: The position of a withdrawal that does not exist. No log reaches it.
NEVER = 2**62
UNKNOWN, HUMAN, MODEL, CONTESTED = range(4)
NAMES = {"unknown": UNKNOWN, "human": HUMAN, "model": MODEL, "contested": CONTESTED}


@dataclass
class ExpectedRegistration:
    """A registration that was acknowledged at `position`. `items` has its distinct digests."""

    position: int
    organization: str
    dataset: str
    origin: str
    generation: int
    items: frozenset[bytes]
    withdrawn: int = NEVER
    items_withdrawn: dict[bytes, int] = field(default_factory=dict)
    disputes: list["ExpectedDispute"] = field(default_factory=list)


@dataclass
class ExpectedDispute:
    """A dispute at `position` of some items of a registration; of all items if `items` is None.

    `withdrawn` is the position of its withdrawal.
    """

    position: int
    items: frozenset[bytes] | None
    withdrawn: int = NEVER

    def stands(self, digest: bytes, position: int) -> bool:
        return self.position <= position < self.withdrawn and (self.items is None or digest in self.items)


@dataclass(frozen=True)
class ExpectedClaims:
    """m claims on n digests, as columns sorted by digest, with their disputes, for verdicts at any position.

    `item` has the index of each claim's digest in `digests`. `contested` has a pair (row of the claim, dispute) for
    each dispute of a claim.
    """

    digests: list[bytes]
    item: npt.NDArray[np.int64]
    by: list[ExpectedRegistration]
    position: npt.NDArray[np.int64]
    withdrawn: npt.NDArray[np.int64]
    contested: list[tuple[int, ExpectedDispute]]

    def standing(self, at: int) -> npt.NDArray[np.bool_]:
        """Return which claims stand at the position `at`: `bool[m]`."""
        return (self.position <= at) & (at < self.withdrawn)

    def judge(self, at: int, policy: str = "strict") -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
        """Return (the verdict, the generation or -1) of each digest at the position `at`: `int8[n]`, `int64[n]`."""
        stands = self.standing(at)
        origin = np.array([registration.origin for registration in self.by], dtype="U8")
        generation = np.array([registration.generation for registration in self.by], dtype=np.int64)
        disputed = np.zeros(len(self.by), dtype=np.bool_)
        for row, dispute in self.contested:
            disputed[row] |= dispute.stands(self.digests[self.item[row]], at)
        n = len(self.digests)
        human, model, open_dispute = (
            np.bincount(self.item[stands & condition], minlength=n) > 0
            for condition in (origin == "human", origin == "model", disputed)
        )
        highest = np.full(n, -1, dtype=np.int64)
        rows = np.flatnonzero(stands & (origin == "model"))
        np.maximum.at(highest, self.item[rows], generation[rows])
        contested = open_dispute | (human & model)
        if policy == "pessimistic":
            contested &= ~model
        verdict = np.select([contested, model, human], [CONTESTED, MODEL, HUMAN], UNKNOWN).astype(np.int8)
        return verdict, np.select([verdict == MODEL, verdict == HUMAN], [highest, 0], -1)


class ExpectedState:
    """All acknowledged statements, by position. Several threads may use it."""

    def __init__(self, known: Sequence[int]) -> None:
        """`known` has the positions of the statements before the load. None of these statements is about items."""
        self._lock = threading.RLock()
        self._positions = sorted(known)
        self._frontier = 0
        self.registrations: dict[int, ExpectedRegistration] = {}
        self.disputes: dict[int, ExpectedDispute] = {}
        self._by_digest: dict[bytes, list[int]] = {}

    def add_registration(self, registration: ExpectedRegistration) -> None:
        """Add a registration that was acknowledged."""
        with self._lock:
            insort(self._positions, registration.position)
            self.registrations[registration.position] = registration
            for digest in registration.items:
                insort(self._by_digest.setdefault(digest, []), registration.position)

    def add_withdrawal(self, position: int, statement: int, items: frozenset[bytes] | None = None) -> None:
        """Add an acknowledged withdrawal of a dispute, of a registration, or of these items of a registration."""
        with self._lock:
            insort(self._positions, position)
            if statement in self.disputes:
                self.disputes[statement].withdrawn = position
            elif items is None:
                self.registrations[statement].withdrawn = position
            else:
                self.registrations[statement].items_withdrawn.update(dict.fromkeys(items, position))

    def add_dispute(self, position: int, registration: int, items: frozenset[bytes] | None) -> None:
        """Add an acknowledged dispute of a registration, or of these items of it."""
        with self._lock:
            insort(self._positions, position)
            self.disputes[position] = ExpectedDispute(position, items)
            self.registrations[registration].disputes.append(self.disputes[position])

    @property
    def positions(self) -> list[int]:
        with self._lock:
            return list(self._positions)

    @property
    def newest(self) -> int:
        """The highest acknowledged position."""
        with self._lock:
            return self._positions[-1]

    @property
    def frontier(self) -> int:
        """The highest position up to which all statements are acknowledged. Later ones may be acknowledged too."""
        with self._lock:
            while self._frontier < len(self._positions) and self._positions[self._frontier] == self._frontier + 1:
                self._frontier += 1
            return self._frontier

    def all_digests(self) -> list[bytes]:
        """Return all registered digests, sorted."""
        with self._lock:
            return sorted(self._by_digest)

    def claims(self, digests: list[bytes]) -> ExpectedClaims:
        """Return the claims on these distinct digests."""
        with self._lock:
            item, by, withdrawn = list[int](), list[ExpectedRegistration](), list[int]()
            contested = list[tuple[int, ExpectedDispute]]()
            for index, digest in enumerate(digests):
                for position in self._by_digest.get(digest, ()):
                    registration = self.registrations[position]
                    contested += [(len(by), dispute) for dispute in registration.disputes]
                    item.append(index)
                    by.append(registration)
                    withdrawn.append(min(registration.withdrawn, registration.items_withdrawn.get(digest, NEVER)))
            positions = [registration.position for registration in by]
            columns = (np.array(column, dtype=np.int64) for column in (item, positions, withdrawn))
            item_column, position_column, withdrawn_column = columns
            return ExpectedClaims(digests, item_column, by, position_column, withdrawn_column, contested)


def expected_mix(claims: ExpectedClaims, recipe: Recipe, at: int) -> tuple[int, str]:
    """Return (the number of items of a mix, the SHA-256 of its digests in order), from `claims` at a position."""
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
    """Return the maximum number of items of each part; None if the part has no limit."""
    shares = [selection.exact_share(part.share) for part in recipe.parts if part.share is not None]
    quotas = iter(selection.quotas(recipe.size or 0, shares))
    return [part.size if part.share is None else next(quotas) for part in recipe.parts]


def _admitted(
    claims: ExpectedClaims, part: Part, at: int, verdict: npt.NDArray[np.int8], generation: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return which digests a part admits: `bool[n]`.

    They have a standing claim in the datasets of the part, and a verdict and a generation that it accepts.
    """
    stands = claims.standing(at)
    if part.datasets is not None:
        stands &= np.isin(np.array([registration.dataset for registration in claims.by], dtype="U64"), part.datasets)
    admitted = np.bincount(claims.item[stands], minlength=len(claims.digests)) > 0
    if part.verdict_in is not None:
        admitted &= np.isin(verdict, [NAMES[name] for name in part.verdict_in])
    if part.generation_in is not None:
        admitted &= np.isin(generation, part.generation_in)
    return admitted
