"""The answers about registrations."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.digests import to_text
from firsthand.core.verdicts import ORIGINS
from firsthand.schemas.registrations import Outcome, Outcomes, Registered, Registration
from service.claims.view import NEVER, View
from service.errors import Refusal
from service.log.rules import moment, optional_moment
from service.registrations.register import Added
from service.registrations.store import model_with_generation, row_at
from service.storage import tables


def registration(session: Session, view: View, position: int) -> Registration:
    """Return the registration at a position, with its withdrawals and disputes up to the view's position."""
    row = row_at(session, position)
    known = view.has(row.id)
    withdrawn = int(view.registrations["withdrawn"][row.id]) if known else NEVER
    return Registration(
        **_fields(session, row),
        withdrawn=withdrawn if withdrawn <= view.position else None,
        withdrawn_items=int(view.withdrawn_items()[row.id]) if known else 0,
        disputes=view.disputes_of(row.id),
    )


def registered(session: Session, added: Added) -> Registered:
    """Return the answer for a new registration. It is not committed yet, so it is not in any view."""
    row = row_at(session, added.position)
    return Registered(**_fields(session, row), new=added.new, known=added.known)


def outcomes(results: Sequence[Added | Refusal]) -> Outcomes:
    """Return the answer for a batch, in the order of its statements.

    It has only the results of the write. A query for each of up to ten thousand registrations would take too long.
    """
    return Outcomes(
        outcomes=[
            Outcome(refused=result.problem(f"/v1/registrations:batch#{number}"))
            if isinstance(result, Refusal)
            else Outcome(id=result.position, new=result.new, known=result.known)
            for number, result in enumerate(results)
        ]
    )


def _fields(session: Session, row: Any) -> dict[str, Any]:
    """Return the fields of an answer that come from the row of a registration."""
    organization = session.scalar(select(tables.organizations.c.name).filter_by(id=row.organization))
    dataset = session.scalar(select(tables.datasets.c.name).filter_by(id=row.dataset))
    origin = ORIGINS[row.origin]
    model, generation, lower_bound = model_with_generation(session, row.model)
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
