"""The catalog at a position: the contents of registrations and models, as columns. This module uses no database.

The *claim class* of a registration has everything that a verdict depends on: its origin, or its model if it has one,
and whether the registration is disputed. A registry has few claim classes and many registrations, so a verdict is
computed once per class and not once per registration.
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

#: The position of the withdrawal, if there is no withdrawal. It is higher than all positions.
NEVER = np.iinfo(np.int64).max
#: The time of collection, if a registration has none. It is later than all times.
NO_TIME = np.iinfo(np.int64).max

#: The kinds of evidence. The code of a kind in memory is its index.
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)

#: Columns of the registrations. Each column is an array with one element per id, so a query over a million
#: registrations reads only the arrays that it needs. All columns together have 68 bytes per registration.
REGISTRATION_COLUMNS = {
    "position": "i8",  # 0: there is no registration with this id
    "withdrawn": "i8",  # position of the withdrawal of the whole registration, or NEVER
    "collected_at": "i8",  # seconds, or NO_TIME
    "registered_at": "i8",
    "items": "i4",
    "dataset": "i4",
    "model": "i4",  # 0: no model
    "organization": "i4",
    "origin": "u1",  # index into firsthand.core.verdicts.ORIGINS
    "has_size": "?",
    "has_confidence": "?",
    "evidence": "u1",  # index into EVIDENCE
    "claim_class": "i4",  # if undisputed: the code of the origin, or the number of origins + the id of the model
    "block": "i4",  # the id of the blocks that hold its items
    "start": "i4",  # the index of its first item in these blocks
    "held": "i4",  # number of items in the blocks with this id
}
#: The number of registrations that are compared together. They fit in the cache of a processor.
_CHUNK = 2**16

DERIVATION = np.dtype([("position", "i8"), ("model", "i4"), ("generation", "i2"), ("lower_bound", "?")])

NamedKind = Literal["organizations", "datasets", "models"]
NAMED_KINDS: tuple[NamedKind, ...] = get_args(NamedKind)

Registrations = dict[str, npt.NDArray[Any]]


def empty_registrations(rows: int) -> Registrations:
    """Return columns with `rows` elements for registrations that do not exist yet."""
    return {name: np.zeros(rows, dtype=dtype) for name, dtype in REGISTRATION_COLUMNS.items()}


class DisputeRecord(NamedTuple):
    """A dispute of a registration, as a whole or for named items. It stands until the position `withdrawn`.

    `registration` is an id.
    """

    registration: int
    whole: bool
    withdrawn: int


class PartialWithdrawal(NamedTuple):
    """A withdrawal of some items of a registration. `registration` is an id, `items` the number of these items.

    None of these items was withdrawn before.
    """

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
    """The contents of the catalog of a process.

    Only `claims.catalog` changes them. Each reader masks the statements above its own position.
    """

    position: int = 0  # all statements up to this position are in the catalog
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
    """The contents of m claims at a position, from the registration of each claim. Arrays are `[m]`."""

    stands: Flags  # the registration exists and is not withdrawn as a whole
    origin: verdicts.Codes
    generation: verdicts.Generations
    lower_bound: Flags
    disputed: Flags  # a standing dispute disputes the whole registration


@dataclass(frozen=True)
class View:
    """The catalog at a position. Methods take and return registrations as arrays of ids."""

    catalog: CatalogColumns
    position: int

    @cached_property
    def registrations(self) -> Registrations:
        """The columns of all registrations, indexed by id, including registrations above the position.

        The catalog may later replace the arrays by longer arrays. This view keeps the arrays of its first access.
        """
        return self.catalog.registrations

    def standing(self) -> Ids:
        """Return the ids of all registrations that stand, in ascending order."""
        position, withdrawn = self.registrations["position"], self.registrations["withdrawn"]
        return np.flatnonzero((position > 0) & (position <= self.position) & (withdrawn > self.position))

    def standing_of(self, wanted: Flags) -> Ids:
        """Return the ids of all registrations that stand and have a claim class in `wanted`, in ascending order.

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
        """Return the ids of all registrations above the position `earlier`, up to the position of this view."""
        position = self.registrations["position"]
        return np.flatnonzero((position > earlier) & (position <= self.position))

    def withdrawn_items(self) -> Ids:
        """Return the number of items of each registration that partial withdrawals withdrew, indexed by id."""
        counts = np.zeros(len(self.registrations["position"]), dtype=np.int64)
        for withdrawal in self.catalog.partial_withdrawals:
            # a later withdrawal may be of a registration that has no row in this view
            if withdrawal.position <= self.position:
                counts[withdrawal.registration] += withdrawal.items
        return counts

    def ever_disputed(self) -> Ids:
        """Return the ids of all registrations that were ever disputed, as a whole or for named items."""
        return np.array([dispute.registration for dispute in self.catalog.disputes.values()], dtype=np.int64)

    def claims(self, ids: Ids) -> ClaimColumns:
        """Return the contents of the claims of these registrations.

        If a registration is above the position of this view, its claims do not stand.
        """
        rows, last = self.registrations, len(self.registrations["position"]) - 1
        row = np.minimum(ids, last)
        position, model = rows["position"][row], rows["model"][row]
        exists = (position > 0) & (position <= self.position) & (ids <= last)
        generation, lower_bound = self._derived
        return ClaimColumns(
            stands=exists & (rows["withdrawn"][row] > self.position),
            origin=rows["origin"][row],
            # clipped: another thread may have added a row whose model is above the position of this view
            generation=generation.take(model, mode="clip"),
            lower_bound=lower_bound.take(model, mode="clip"),
            disputed=np.isin(ids, self._disputed),
        )

    def class_verdicts(self, policy: PolicyName) -> Verdicts:
        """Return, for each claim class, the verdict on an item whose only claim has this class.

        The order of the classes is: the origins, the models by id, then the same classes again, disputed.
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
        # bounded: another thread may have added a row whose model is above the position of this view
        undisputed = np.minimum(self.registrations["claim_class"][ids], classes - 1)
        return undisputed + classes * np.isin(ids, self._disputed) if len(self._disputed) else undisputed

    @cached_property
    def standing_disputes(self) -> dict[int, DisputeRecord]:
        """The standing disputes, as {position: dispute}."""
        disputes = self.catalog.disputes.items()
        return {position: dispute for position, dispute in disputes if position <= self.position < dispute.withdrawn}

    @cached_property
    def _disputed(self) -> Ids:
        """The ids of the registrations that a standing dispute disputes as a whole."""
        disputes = self.standing_disputes.values()
        return np.array([dispute.registration for dispute in disputes if dispute.whole], dtype=np.int64)

    @cached_property
    def _derived(self) -> tuple[verdicts.Generations, Flags]:
        """(generation, whether it is a lower bound) of each model, indexed by id, from its last derivation."""
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
        """Return the positions of the standing disputes of a registration, as a whole or for named items."""
        return [position for position, dispute in self.standing_disputes.items() if dispute.registration == id_]

    def named(self, kind: NamedKind, name: str) -> int | None:
        """Return the id of an organization, dataset or model; None if the name does not exist at the position."""
        id_ = self.catalog.ids[kind].get(name)
        if id_ is None or getattr(self.catalog, kind)[id_].position > self.position:
            return None
        return id_
