"""The catalog of a process: all registrations and models in memory, so that look-ups and mixes need no join.

The catalog grows by position: each time, it reads the statements above the last position that it read. Positions are
assigned in the order of commits, so no statement can appear later below that position. `View` is the catalog at a
position: it hides later statements and does not remove them.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.verdicts import ORIGINS
from service.claims.view import (
    DERIVATION,
    EVIDENCE,
    NAMED_KINDS,
    NEVER,
    NO_TIME,
    CatalogColumns,
    DisputeRecord,
    NamedRecord,
    PartialWithdrawal,
    View,
    empty_registrations,
)
from service.errors import Unprocessable
from service.log import store as log
from service.storage import tables

#: The columns that are read. The position is written last, so that a view in another thread sees no incomplete row.
_FIELDS = (
    "id", "collected_at", "registered_at", "items", "dataset", "model", "organization", "origin", "has_size",
    "has_confidence", "evidence", "block", "start", "position",
)  # fmt: skip
#: The number of rows per read. A million rows as Python objects would need more memory than all columns.
_ROWS_PER_READ = 20_000
_EVIDENCE_CODES = {name: code for code, name in enumerate(EVIDENCE)}


class Catalog(CatalogColumns):
    """The catalog of one process. Every call of `view` first reads the new statements."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def view(self, session: Session, as_of: int | None = None) -> View:
        """Return the catalog at the position `as_of`, by default at the head.

        Raises Unprocessable if the position is above the head. Call it before the session writes: the catalog keeps the
        rows that it reads here, even if the transaction is rolled back.
        """
        head = log.position(session)
        self.catch_up(session, head)
        return self.at(head, as_of)

    def catch_up(self, session: Session, head: int) -> None:
        """Read the statements since the last call, up to the committed position `head`."""
        if head > self.position:
            with self._lock:
                if head > self.position:
                    self._read_up_to(session, head)

    def at(self, head: int, as_of: int | None = None) -> View:
        """Return the catalog at the position `as_of`, by default at `head`.

        The catalog must have been read up to `head`. Raises Unprocessable if `as_of` is above `head`.
        """
        if as_of is not None and as_of > head:
            raise Unprocessable.at(
                "as_of", f"position {as_of} does not exist yet; use at most {head}, which is the newest position"
            )
        return View(self, head if as_of is None else as_of)

    def _read_up_to(self, session: Session, head: int) -> None:
        def new_rows(table: Any) -> Iterable[Any]:
            position = table.c.position
            return session.execute(select(table).where(position > self.position, position <= head).order_by(position))

        for kind in NAMED_KINDS:
            for row in new_rows(getattr(tables, kind)):
                organization = row.id if kind == "organizations" else row.organization
                getattr(self, kind)[row.id] = NamedRecord(row.name, row.position, organization)
                self.ids[kind][row.name] = row.id
        added = [(r.position, r.model, r.generation, r.lower_bound) for r in new_rows(tables.derivations)]
        self.derivations = np.concatenate([self.derivations, np.array(added, dtype=DERIVATION)])
        self._read_registrations(session, head)
        # copied, not changed: a view in another thread may iterate over the old objects, and if this read fails, the
        # next read must start from the old state
        disputes, partial = dict(self.disputes), list(self.partial_withdrawals)
        for row in new_rows(tables.disputes):
            disputes[row.position] = DisputeRecord(row.registration, row.whole, NEVER)
        for row in new_rows(tables.withdrawals):
            if row.statement in disputes:
                disputes[row.statement] = disputes[row.statement]._replace(withdrawn=row.position)
                continue
            (id_,) = np.flatnonzero(self.registrations["position"] == row.statement)
            if row.whole:
                self.registrations["withdrawn"][id_] = row.position
            else:
                partial.append(PartialWithdrawal(row.position, int(id_), row.items))
        self.disputes, self.partial_withdrawals = disputes, partial
        self.position = head

    def _read_registrations(self, session: Session, head: int) -> None:
        columns, position = [tables.registrations.c[name] for name in _FIELDS], tables.registrations.c.position
        after: int | None = self.position
        while after is not None:
            query = select(*columns).where(position > after, position <= head).order_by(position).limit(_ROWS_PER_READ)
            rows = session.execute(query).all()
            if rows:
                self._add(*zip(*rows, strict=True))
            after = rows[-1].position if len(rows) == _ROWS_PER_READ else None

    def _add(self, ids: tuple[int, ...], collected_at: tuple[int | None, ...], *columns: tuple[Any, ...]) -> None:
        """Write rows into the columns. If the columns are too short, replace them by longer ones."""
        highest, length = max(ids), len(self.registrations["position"])
        if highest >= length:
            grown = empty_registrations(max(highest + 1, 2 * length))
            for name, before in self.registrations.items():
                grown[name][:length] = before
            self.registrations = grown
        self.highest = max(highest, self.highest)
        row, rows = np.array(ids), self.registrations
        rows["withdrawn"][row] = NEVER
        rows["collected_at"][row] = [NO_TIME if time is None else time for time in collected_at]
        for name, column in zip(_FIELDS[2:], columns, strict=True):
            if name == "position":  # computed columns must be complete before the row becomes visible
                model = rows["model"][row]
                rows["claim_class"][row] = np.where(model > 0, len(ORIGINS) + model, rows["origin"][row])
                np.maximum.at(rows["held"], rows["block"][row], rows["start"][row] + rows["items"][row])
            rows[name][row] = _in_memory(name, column)


def _in_memory(name: str, column: tuple[Any, ...]) -> Sequence[Any]:
    """Convert a column of the database into the values that the catalog stores."""
    if name == "model":
        return [value or 0 for value in column]
    return [_EVIDENCE_CODES[value] for value in column] if name == "evidence" else column
