"""What a verdict needs of every registration and model, in memory, as columns: so look-ups and mixes need no join.

A row a registration, indexed by its id; 68 bytes each, so that a million small ones are 68 MB and no objects. The
catalog grows by position: it asks for what is above the position it has read up to, and positions are in commit order,
so nothing can appear below. A `View` is the catalog at a position; what came later is masked, not removed.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core import verdicts
from firsthand.core.verdicts import ORIGINS, Origin, PolicyName, Verdicts
from firsthand.schemas.registrations import Evidence
from service.errors import Unprocessable
from service.log import store as log
from service.storage import tables

NEVER = np.iinfo(np.int64).max
NO_TIME = np.iinfo(np.int64).max

#: The kinds of evidence, by their codes in memory.
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
_EVIDENCE_CODES = {name: code for code, name in enumerate(EVIDENCE)}

#: An array each: who asks one thing of a million registrations reads that alone.
_REGISTRATION = {
    "position": "i8",  # 0: no such registration
    "withdrawn": "i8",  # position of the withdrawal that took it back whole, or NEVER
    "collected_at": "i8",  # seconds, or NO_TIME
    "registered_at": "i8",
    "items": "i4",
    "dataset": "i4",
    "model": "i4",  # 0: none
    "organization": "i4",
    "origin": "u1",  # firsthand.core.verdicts.ORIGINS
    "has_size": "?",
    "has_confidence": "?",
    "evidence": "u1",  # EVIDENCE
    "says": "i4",  # origin or, past all origins, model: a place in `View.alone`
    "block": "i4",  # the registration by which the blocks go that hold its items, from `start` on
    "start": "i4",
    "held": "i4",  # items in the blocks that go by this registration
}
#: What is read of each. The position comes last: a view in another thread sees no row that is half written.
_FIELDS = (
    "id", "collected_at", "registered_at", "items", "dataset", "model", "organization", "origin", "has_size",
    "has_confidence", "evidence", "block", "start", "position",
)  # fmt: skip
_ROWS = 20_000
#: Registrations that are looked at together: few enough for a processor's cache.
_PIECE = 2**16
_DERIVATION = np.dtype([("position", "i8"), ("model", "i4"), ("generation", "i2"), ("lower_bound", "?")])

Kind = Literal["organizations", "datasets", "models"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Flags = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.int64]
Registrations = dict[str, npt.NDArray[Any]]


def _registrations(rows: int) -> Registrations:
    return {name: np.zeros(rows, dtype=dtype) for name, dtype in _REGISTRATION.items()}


class Dispute(NamedTuple):
    """A dispute against a registration (its id), whole or of named items, until `withdrawn`."""

    registration: int
    whole: bool
    withdrawn: int


class PartlyWithdrawn(NamedTuple):
    """A withdrawal of so many items of a registration (its id), none of them withdrawn before."""

    position: int
    registration: int
    items: int


class Named(NamedTuple):
    """An organization, dataset or model, by id."""

    name: str
    position: int
    organization: int


class Catalog:
    """The catalog of one process; `view` brings it up to date first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.position = 0
        self.registrations = _registrations(1024)
        self.highest = 0  # id of a registration
        self.derivations = np.zeros(0, dtype=_DERIVATION)
        self.organizations: dict[int, Named] = {}
        self.datasets: dict[int, Named] = {}
        self.models: dict[int, Named] = {}
        self.ids: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS}  # by name
        self.disputes: dict[int, Dispute] = {}  # by position
        self.partial_withdrawals: list[PartlyWithdrawn] = []

    def view(self, session: Session, as_of: int | None = None) -> "View":
        """The catalog at a position, the head where none is given.

        To be called before the session writes: what is read here stays, also where the transaction does not.
        """
        head = log.position(session)
        self.catch_up(session, head)
        return self.at(head, as_of)

    def catch_up(self, session: Session, head: int) -> None:
        """Read what was registered since, up to a position that is committed."""
        if head > self.position:
            with self._lock:
                if head > self.position:
                    self._read_up_to(session, head)

    def at(self, head: int, as_of: int | None = None) -> "View":
        """The catalog at a position up to `head`, which it has caught up with."""
        if as_of is not None and as_of > head:
            raise Unprocessable.at("as_of", f"position {as_of} is not reached yet; the head is {head}")
        return View(self, head if as_of is None else as_of)

    def _read_up_to(self, session: Session, head: int) -> None:
        def news(table: Any) -> Iterable[Any]:
            place = table.c.position
            return session.execute(select(table).where(place > self.position, place <= head).order_by(place))

        for kind in KINDS:
            for row in news(getattr(tables, kind)):
                named = Named(row.name, row.position, row.id if kind == "organizations" else row.organization)
                getattr(self, kind)[row.id] = named
                self.ids[kind][row.name] = row.id
        added = [(r.position, r.model, r.generation, r.lower_bound) for r in news(tables.derivations)]
        self.derivations = np.concatenate([self.derivations, np.array(added, dtype=_DERIVATION)])
        self._read_registrations(session, head)
        disputes = dict(self.disputes)  # replaced, not changed: a view in another thread goes through the old one
        for row in news(tables.disputes):
            disputes[row.position] = Dispute(row.registration, row.whole, NEVER)
        partly = list(self.partial_withdrawals)  # as well: a reading that breaks off is begun again
        for row in news(tables.withdrawals):
            self._withdraw(row, disputes, partly)
        self.disputes, self.partial_withdrawals = disputes, partly
        self.position = head

    def _read_registrations(self, session: Session, head: int) -> None:
        """A part at a time: a million rows as objects would take more than all columns."""
        columns, place = [tables.registrations.c[name] for name in _FIELDS], tables.registrations.c.position
        after: int | None = self.position
        while after is not None:
            query = select(*columns).where(place > after, place <= head).order_by(place).limit(_ROWS)
            rows = session.execute(query).all()
            if rows:
                self._add(*zip(*rows, strict=True))
            after = rows[-1].position if len(rows) == _ROWS else None

    def _add(self, ids: tuple[int, ...], collected_at: tuple[int | None, ...], *columns: tuple[Any, ...]) -> None:
        highest, length = max(ids), len(self.registrations["position"])
        if highest >= length:
            grown = _registrations(max(highest + 1, 2 * length))
            for name, before in self.registrations.items():
                grown[name][:length] = before
            self.registrations = grown
        self.highest = max(highest, self.highest)
        at, rows = np.array(ids), self.registrations
        rows["withdrawn"][at] = NEVER
        rows["collected_at"][at] = [NO_TIME if time is None else time for time in collected_at]
        for name, column in zip(_FIELDS[2:], columns, strict=True):
            if name == "position":
                self._derive(at)
            rows[name][at] = _coded(name, column)

    def _derive(self, at: Ids) -> None:
        """The columns that follow from others."""
        rows = self.registrations
        model = rows["model"][at]
        rows["says"][at] = np.where(model > 0, len(ORIGINS) + model, rows["origin"][at])
        np.maximum.at(rows["held"], rows["block"][at], rows["start"][at] + rows["items"][at])

    def _withdraw(self, row: Any, disputes: dict[int, Dispute], partly: list[PartlyWithdrawn]) -> None:
        if row.statement in disputes:
            disputes[row.statement] = disputes[row.statement]._replace(withdrawn=row.position)
            return
        (id_,) = np.flatnonzero(self.registrations["position"] == row.statement)
        if row.whole:
            self.registrations["withdrawn"][id_] = row.position
        else:
            partly.append(PartlyWithdrawn(row.position, int(id_), row.items))


def _coded(name: str, column: tuple[Any, ...]) -> Sequence[Any]:
    """A column of the database as it stands in memory."""
    if name == "model":
        return [value or 0 for value in column]
    return [_EVIDENCE_CODES[value] for value in column] if name == "evidence" else column


@dataclass(frozen=True)
class Claims:
    """What m claims say, each by its registration, at a position. Arrays are `[m]`."""

    stands: Flags  # the registration is there, and not taken back whole
    origin: verdicts.Codes
    generation: verdicts.Generations
    lower_bound: Flags
    disputed: Flags  # a standing dispute contests the whole registration


@dataclass(frozen=True)
class View:
    """The catalog at a position. Registrations go by their ids, in arrays."""

    catalog: Catalog
    position: int

    @cached_property
    def registrations(self) -> Registrations:
        """Every registration by its id, later ones too; the arrays may be replaced by longer ones, never shortened."""
        return self.catalog.registrations

    def standing(self) -> Ids:
        """The ids of all registrations that stand, ascending."""
        place, withdrawn = self.registrations["position"], self.registrations["withdrawn"]
        return np.flatnonzero((place > 0) & (place <= self.position) & (withdrawn > self.position))

    def standing_of(self, wanted: Flags) -> Ids:
        """Those that say something `wanted`, flagged by its place in `alone`; of most nothing else is looked at."""
        undisputed, disputed = np.split(wanted, 2)
        rows = self.registrations
        may, says = undisputed | disputed, rows["says"][: self.catalog.highest + 1]
        pieces = (says[start : start + _PIECE] for start in range(0, len(says), _PIECE))
        found = [np.flatnonzero(may.take(piece, mode="clip")) + n * _PIECE for n, piece in enumerate(pieces)]
        ids: Ids = np.concatenate([np.empty(0, dtype=np.int64), *found])
        place = rows["position"][ids]
        ids = ids[(place > 0) & (place <= self.position) & (rows["withdrawn"][ids] > self.position)]
        asked: Ids = ids[wanted[self.saying(ids)]]
        return asked

    def has(self, id_: int) -> bool:
        """Whether a registration is there at the position."""
        place = self.registrations["position"]
        return id_ < len(place) and bool(0 < place[id_] <= self.position)

    def since(self, position: int) -> Ids:
        """The ids of all registrations above a position, up to this view's."""
        place = self.registrations["position"]
        return np.flatnonzero((place > position) & (place <= self.position))

    def withdrawn_items(self) -> Ids:
        """How many items of each registration, by its id, were taken back by name."""
        counts = np.zeros(len(self.registrations["position"]), dtype=np.int64)
        for at, id_, items in self.catalog.partial_withdrawals:
            if at <= self.position:  # a later one may name a registration that this view has no place for
                counts[id_] += items
        return counts

    def ever_disputed(self) -> Ids:
        """Registrations that a dispute contests or contested, whole or in part."""
        return np.array([d.registration for d in self.catalog.disputes.values()], dtype=np.int64)

    def claims(self, ids: Ids) -> Claims:
        """What claims of these registrations say; one that is newer than this view does not stand."""
        rows, last = self.registrations, len(self.registrations["position"]) - 1
        at = np.minimum(ids, last)
        place, model = rows["position"][at], rows["model"][at]
        there = (place > 0) & (place <= self.position) & (ids <= last)
        generation, lower_bound = self._derived
        return Claims(
            stands=there & (rows["withdrawn"][at] > self.position),
            origin=rows["origin"][at],
            # clipped: a row that was added this moment may name a model that is newer than this view
            generation=generation.take(model, mode="clip"),
            lower_bound=lower_bound.take(model, mode="clip"),
            disputed=np.isin(ids, self._disputed),
        )

    def alone(self, policy: PolicyName) -> Verdicts:
        """The verdict on an item that one claim alone is on, for all that a claim can say (see `saying`).

        A million registrations say few different things.
        """
        generation, lower_bound = self._derived
        origins = np.arange(len(ORIGINS), dtype=np.uint8)
        one = (
            np.concatenate([origins, np.full(len(generation), verdicts.MODEL, dtype=np.uint8)]),
            np.concatenate([np.full(len(origins), verdicts.NO_GENERATION, dtype=np.int16), generation]),
            np.concatenate([np.zeros(len(origins), dtype=np.bool_), lower_bound]),
        )
        disputed = np.repeat([False, True], len(one[0]))
        origin, generation, lower_bound = (np.tile(column, 2) for column in one)
        tally = verdicts.tally(len(origin), np.arange(len(origin)), origin, generation, lower_bound, disputed)
        return verdicts.judge(tally, policy)

    def saying(self, ids: Ids) -> Ids:
        """What a claim of each of these registrations says: the place of its verdict in `alone`."""
        things = len(ORIGINS) + len(self._derived[0])
        # bounded: a row that was added this moment may name a model that is newer than this view
        says = np.minimum(self.registrations["says"][ids], things - 1)
        return says + things * np.isin(ids, self._disputed) if len(self._disputed) else says

    @cached_property
    def standing_disputes(self) -> dict[int, Dispute]:
        """By position."""
        disputes = self.catalog.disputes.items()
        return {at: d for at, d in disputes if at <= self.position < d.withdrawn}

    @cached_property
    def _disputed(self) -> Ids:
        """Registrations that a standing dispute contests whole."""
        return np.array([d.registration for d in self.standing_disputes.values() if d.whole], dtype=np.int64)

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
        """(generation, whether it is a lower bound) of a model, by its id."""
        generation, lower_bound = self._derived
        return int(generation[model]), bool(lower_bound[model])

    def origin_of(self, id_: int) -> tuple[Origin, int | None, int | None, bool]:
        """(origin, model id, generation, lower bound) of a registration."""
        rows = self.registrations
        origin = ORIGINS[rows["origin"][id_]]
        if origin != "model":
            return origin, None, 0 if origin == "human" else None, False
        model = int(rows["model"][id_])
        return origin, model, *self.model_generation(model)

    def disputes_of(self, id_: int) -> list[int]:
        """Positions of the disputes that stand against a registration, whole or in part."""
        return [at for at, dispute in self.standing_disputes.items() if dispute.registration == id_]

    def named(self, kind: Kind, name: str) -> int | None:
        """The id of an organization, dataset or model by its name, if it was there at the position."""
        id_ = self.catalog.ids[kind].get(name)
        if id_ is None or getattr(self.catalog, kind)[id_].position > self.position:
            return None
        return id_
