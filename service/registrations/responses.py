"""Rows of a registration → what the wire says of it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.digests import to_text
from firsthand.core.verdicts import ORIGINS
from firsthand.schemas.registrations import Outcome, Outcomes, Registered, Registration
from service.claims.catalog import NEVER, View
from service.errors import Refusal
from service.log.rules import moment, optional_moment
from service.registrations.store import Added, row_at
from service.storage import tables


def registration(session: Session, view: View, position: int) -> Registration:
    """The registration at a position, with the withdrawals and disputes up to the view."""
    row = row_at(session, position)
    known = view.has(row.id)
    withdrawn = int(view.registrations["withdrawn"][row.id]) if known else NEVER
    return Registration(
        **_said(session, row),
        withdrawn=withdrawn if withdrawn <= view.position else None,
        withdrawn_items=int(view.withdrawn_items()[row.id]) if known else 0,
        disputes=view.disputes_of(row.id),
    )


def registered(session: Session, added: Added) -> Registered:
    """The answer to a registration; it is not committed yet, so no view can know it."""
    row = row_at(session, added.position)
    return Registered(**_said(session, row), new=added.new, known=added.known)


def outcomes(done: Sequence[Added | Refusal]) -> Outcomes:
    """The answers to a batch, in its order. Nothing of it is looked up again: there may be ten thousand."""
    return Outcomes(outcomes=[_outcome(number, each) for number, each in enumerate(done)])


def _outcome(number: int, done: Added | Refusal) -> Outcome:
    if isinstance(done, Refusal):
        return Outcome(refused=done.problem(f"/v1/registrations:batch#{number}"))
    return Outcome(id=done.position, new=done.new, known=done.known)


def _said(session: Session, row: Any) -> dict[str, Any]:
    organization = session.scalar(select(tables.organizations.c.name).filter_by(id=row.organization))
    dataset = session.scalar(select(tables.datasets.c.name).filter_by(id=row.dataset))
    origin = ORIGINS[row.origin]
    model, generation, lower_bound = _model(session, row.model)
    return {
        "id": row.position,
        "organization": organization,
        "dataset": dataset,
        "origin": origin,
        "model": model,
        "generation": 0 if origin == "human" else generation,
        "lower_bound": lower_bound,
        "evidence": row.evidence,
        "collected_at": optional_moment(row.collected_at),
        "registered_at": moment(row.registered_at),
        "items": row.items,
        "root": to_text(row.root),
        "columns": ["size"] * row.has_size + ["confidence"] * row.has_confidence,
    }


def _model(session: Session, id_: int | None) -> tuple[str | None, int | None, bool]:
    """(name, generation, lower bound) of the model of a registration, if it has one."""
    if id_ is None:
        return None, None, False
    models, derivations = tables.models.c, tables.derivations.c
    query = (
        select(models.name, derivations.generation, derivations.lower_bound)
        .where(models.id == id_, derivations.model == models.id)
        .order_by(derivations.position.desc())
        .limit(1)
    )
    name, generation, lower_bound = session.execute(query).one()
    return name, generation, lower_bound
