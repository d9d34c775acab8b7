"""Read registrations from the database."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import ResourceNotFound
from service.storage import tables


def row_at(session: Session, position: int) -> Any:
    """Return the row of the registration at a position. Raises ResourceNotFound if there is none."""
    row = session.execute(select(tables.registrations).filter_by(position=position)).one_or_none()
    if row is None:
        raise ResourceNotFound(f"There is no registration at position {position}. Check the position.")
    return row


def model_with_generation(session: Session, id_: int | None) -> tuple[str | None, int | None, bool]:
    """Return (name, generation, whether it is a lower bound) of the model with this id, from its newest derivation.

    For None, return (None, None, False).
    """
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
