"""The catalog at a position: what registrations and models say, as columns. Pure: no database.

The registrations of a registry say few different things. What a claim of a registration says, as far as a verdict
follows from it, is its *claim class*: its origin, or its model if it has one, and whether the registration is disputed.
So a verdict is computed once per class and not once per registration.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from firsthand.core import verdicts
from firsthand.core.verdicts import ORIGINS, Flags, Origin, PolicyName, Verdicts
from firsthand.schemas.registrations import Evidence
from service.storage.block_layout import Ids

#: The position of a withdrawal that does not exist.
NEVER = np.iinfo(np.int64).max
#: The time of collection of a registration that states none. It is later than all times.
NO_TIME = np.iinfo(np.int64).max

#: The kinds of evidence, by their codes in memory.
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)

#: Columns of the registrations, each an array with one element per id: a question about a million registrations reads
#: only the arrays that it needs. Together 68 bytes per registration.
REGISTRATION_COLUMNS = {
    "position": "i8",  # 0: there is no such registration
    "withdrawn": "i8",  # position of the withdrawal of the whole registration, or NEVER
    "collected_at": "i8",  # seconds, or NO_TIME
    "registered_at": "i8",
    "items": "i4",
    "dataset": "i4",
    "model": "i4",  # 0: none
    "organization": "i4",
    "origin": "u1",  # index into firsthand.core.verdicts.ORIGINS
    "has_size": "?",
    "has_confidence": "?",
    "evidence": "u1",  # index into EVIDENCE
    "claim_class": "i4",  # undisputed: the code of the origin or, after all origins, the id of the model
    "block": "i4",  # the id by which the blocks go that hold its items
    "start": "i4",  # its first item in these blocks
    "held": "i4",  # items in the blocks that go by this id
}
#: Registrations that are looked at together: few enough for a processor's cache.
_CHUNK = 2**16

DERIVATION = np.dtype([("position", "i8"), ("model", "i4"), ("generation", "i2"), ("lower_bound", "?")])

NamedKind = Literal["organizations", "datasets", "models"]
NAMED_KINDS: tuple[NamedKind, ...] = get_args(NamedKind)

Registrations = dict[str, npt.NDArray[Any]]


def empty_registrations(rows: int) -> Registrations:
    """Return columns for so many registrations, none of which exists yet."""
    return {name: np.zeros(rows, dtype=dtype) for name, dtype in REGISTRATION_COLUMNS.items()}


class DisputeRecord(NamedTuple):
    """A dispute of a registration (its id), of the whole or of named items. It stands until `withdrawn`."""

    registration: int
    whole: bool
    withdrawn: int


class PartialWithdrawal(NamedTuple):
    """A withdrawal of so many items of a registration (its id). None of them was withdrawn before."""

    position: int
    registration: int
    items: int


class NamedRecord(NamedTuple):
    """An organization, dataset or model. `organization` is an id."""

    name: str
    position: int
    organization: int


@dataclass(eq=False)
class CatalogColumns:
    """What the catalog of a process holds. Only `claims.catalog` changes it; readers mask what is newer than they."""

    position: int = 0  # all that is recorded up to here is in the catalog
    registrations: Registrations = field(default_factory=lambda: empty_registrations(1024))
    highest: int = 0  # the highest id of a registration
    derivations: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=DERIVATION))
    organizations: dict[int, NamedRecord] = field(default_factory=dict)
    datasets: dict[int, NamedRecord] = field(default_factory=dict)
    models: dict[int, NamedRecord] = field(default_factory=dict)
    ids: dict[NamedKind, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in NAMED_KINDS})  # by name
    disputes: dict[int, DisputeRecord] = field(default_factory=dict)  # by position
    partial_withdrawals: list[PartialWithdrawal] = field(default_factory=list)


@dataclass(frozen=True)
class ClaimColumns:
    """What m claims say at a position, each by its registration. Arrays are `[m]`."""

    stands: Flags  # the registration exists and is not withdrawn as a whole
    origin: verdicts.Codes
    generation: verdicts.Generations
    lower_bound: Flags
    disputed: Flags  # a standing dispute contests the whole registration


@dataclass(frozen=True)
class View:
    """The catalog at a position. Registrations are given by their ids, in arrays."""

    catalog: CatalogColumns
    position: int

    @cached_property
    def registrations(self) -> Registrations:
        """All registrations by their ids, also later ones. The catalog may replace the arrays by longer ones."""
        return self.catalog.registrations

    def standing(self) -> Ids:
        """Return the ids of all registrations that stand, ascending."""
        position, withdrawn = self.registrations["position"], self.registrations["withdrawn"]
        return np.flatnonzero((position > 0) & (position <= self.position) & (withdrawn > self.position))

    def standing_of(self, wanted: Flags) -> Ids:
        """Return the ids of all registrations that stand and whose claim class is `wanted`, ascending.

        `wanted` has one flag per claim class, in the order of `class_verdicts`. The columns other than the claim class
        are read only for the registrations that match.
        """
        undisputed, disputed = np.split(wanted, 2)
        rows = self.registrations
        possible, claim_class = undisputed | disputed, rows["claim_class"][: self.catalog.highest + 1]
        matches = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(claim_class), _CHUNK):
            chunk = claim_class[start : start + _CHUNK]
            matches.append(np.flatnonzero(possible.take(chunk, mode="clip")) + start)
        ids: Ids = np.concatenate(matches)
        position = rows["position"][ids]
        ids = ids[(position > 0) & (position <= self.position) & (rows["withdrawn"][ids] > self.position)]
        standing: Ids = ids[wanted[self.claim_classes(ids)]]
        return standing

    def has(self, id_: int) -> bool:
        """Return whether a registration exists at the position."""
        position = self.registrations["position"]
        return id_ < len(position) and bool(0 < position[id_] <= self.position)

    def since(self, earlier: int) -> Ids:
        """Return the ids of all registrations above a position, up to this view's."""
        position = self.registrations["position"]
        return np.flatnonzero((position > earlier) & (position <= self.position))

    def withdrawn_items(self) -> Ids:
        """Return how many items of each registration, by its id, were withdrawn by partial withdrawals."""
        counts = np.zeros(len(self.registrations["position"]), dtype=np.int64)
        for withdrawal in self.catalog.partial_withdrawals:
            # a later withdrawal may name a registration for which this view has no row
            if withdrawal.position <= self.position:
                counts[withdrawal.registration] += withdrawal.items
        return counts

    def ever_disputed(self) -> Ids:
        """Return the ids of registrations that were ever disputed, as a whole or for named items."""
        return np.array([dispute.registration for dispute in self.catalog.disputes.values()], dtype=np.int64)

    def claims(self, ids: Ids) -> ClaimColumns:
        """Return what claims of these registrations say. A registration that is newer than this view does not stand."""
        rows, last = self.registrations, len(self.registrations["position"]) - 1
        row = np.minimum(ids, last)
        position, model = rows["position"][row], rows["model"][row]
        exists = (position > 0) & (position <= self.position) & (ids <= last)
        generation, lower_bound = self._derived
        return ClaimColumns(
            stands=exists & (rows["withdrawn"][row] > self.position),
            origin=rows["origin"][row],
            # clipped: a row that another thread just added may name a model that is newer than this view
            generation=generation.take(model, mode="clip"),
            lower_bound=lower_bound.take(model, mode="clip"),
            disputed=np.isin(ids, self._disputed),
        )

    def class_verdicts(self, policy: PolicyName) -> Verdicts:
        """Return, per claim class, the verdict on an item that only one claim of this class is on.

        First come the undisputed classes (the origins, then the models by id), then the same classes disputed.
        """
        model_generation, model_bound = self._derived
        origins = np.arange(len(ORIGINS), dtype=np.uint8)
        undisputed = (
            np.concatenate([origins, np.full(len(model_generation), verdicts.MODEL, dtype=np.uint8)]),
            np.concatenate([np.full(len(origins), verdicts.NO_GENERATION, dtype=np.int16), model_generation]),
            np.concatenate([np.zeros(len(origins), dtype=np.bool_), model_bound]),
        )
        disputed = np.repeat([False, True], len(undisputed[0]))
        origin, generation, lower_bound = (np.tile(column, 2) for column in undisputed)
        tally = verdicts.tally(len(origin), np.arange(len(origin)), origin, generation, lower_bound, disputed)
        return verdicts.judge(tally, policy)

    def claim_classes(self, ids: Ids) -> Ids:
        """Return the claim class of each of these registrations: its index in `class_verdicts`."""
        classes = len(ORIGINS) + len(self._derived[0])
        # bounded: a row that another thread just added may name a model that is newer than this view
        undisputed = np.minimum(self.registrations["claim_class"][ids], classes - 1)
        return undisputed + classes * np.isin(ids, self._disputed) if len(self._disputed) else undisputed

    @cached_property
    def standing_disputes(self) -> dict[int, DisputeRecord]:
        """The disputes that stand, by position."""
        disputes = self.catalog.disputes.items()
        return {position: dispute for position, dispute in disputes if position <= self.position < dispute.withdrawn}

    @cached_property
    def _disputed(self) -> Ids:
        """The ids of registrations that a standing dispute contests as a whole."""
        disputes = self.standing_disputes.values()
        return np.array([dispute.registration for dispute in disputes if dispute.whole], dtype=np.int64)

    @cached_property
    def _derived(self) -> tuple[verdicts.Generations, Flags]:
        """Generation and lower bound of each model, by its id, from the last derivation up to the position."""
        size = max(self.catalog.models, default=0) + 1
        generation = np.full(size, verdicts.NO_GENERATION, dtype=np.int16)
        lower_bound = np.zeros(size, dtype=np.bool_)
        known = self.catalog.derivations
        known = known[known["position"] <= self.position]
        generation[known["model"]], lower_bound[known["model"]] = known["generation"], known["lower_bound"]
        return generation, lower_bound

    def model_generation(self, model: int) -> tuple[int, bool]:
        """Return (generation, whether it is a lower bound) of a model, by its id."""
        generation, lower_bound = self._derived
        return int(generation[model]), bool(lower_bound[model])

    def origin_of(self, id_: int) -> tuple[Origin, int | None, int | None, bool]:
        """Return (origin, model id, generation, whether it is a lower bound) of a registration."""
        rows = self.registrations
        origin = ORIGINS[rows["origin"][id_]]
        if origin != "model":
            return origin, None, 0 if origin == "human" else None, False
        model = int(rows["model"][id_])
        return origin, model, *self.model_generation(model)

    def disputes_of(self, id_: int) -> list[int]:
        """Return the positions of the disputes that stand against a registration, as a whole or for named items."""
        return [position for position, dispute in self.standing_disputes.items() if dispute.registration == id_]

    def named(self, kind: NamedKind, name: str) -> int | None:
        """Return the id of an organization, dataset or model by its name, or None if it is not there yet."""
        id_ = self.catalog.ids[kind].get(name)
        if id_ is None or getattr(self.catalog, kind)[id_].position > self.position:
            return None
        return id_
