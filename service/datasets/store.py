"""Datasets in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from firsthand.core.names import Dataset as DatasetName
from firsthand.schemas.datasets import Dataset, NewDataset
from service.errors import Conflict, Forbidden, NotFound
from service.log import store as log
from service.log.rules import Speaker
from service.storage import tables


def put(session: Session, speaker: Speaker, name: DatasetName, new: NewDataset) -> tuple[Dataset, bool]:
    """Register a dataset. Returns (dataset, whether it is new); the same body again changes nothing."""
    if name.organization != speaker.name:
        raise Forbidden(f"The dataset {name} would be one of {name.organization}; this key is one of {speaker.name}.")
    log.lock(session)
    row = session.execute(_rows().where(tables.datasets.c.name == str(name))).one_or_none()
    if row is not None:
        if (row.profile, row.title) != (new.profile, new.title):
            raise Conflict(f"{name} is registered with the profile {row.profile} and the title {row.title!r}.")
        return _dataset(row), False
    said = {"dataset": str(name), "profile": new.profile, "title": new.title}
    place = log.append(session, "dataset", speaker, said)
    values = {"name": str(name), "profile": new.profile, "title": new.title}
    session.execute(insert(tables.datasets).values(organization=speaker.id, position=place, **values))
    return get(session, str(name)), True


def get(session: Session, name: str) -> Dataset:
    row = session.execute(_rows().where(tables.datasets.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"There is no dataset {name}.")
    return _dataset(row)


def page(session: Session, after: str, limit: int) -> Sequence[Dataset]:
    return [_dataset(row) for row in session.execute(_rows().where(tables.datasets.c.name > after).limit(limit))]


def _rows() -> Any:
    """Datasets with the number of their standing registrations and claims, by name."""
    datasets, registrations, withdrawals = tables.datasets, tables.registrations, tables.withdrawals
    withdrawn = select(withdrawals.c.position).where(
        withdrawals.c.statement == registrations.c.position, withdrawals.c.whole
    )
    standing = (registrations.c.dataset == datasets.c.id) & ~withdrawn.exists()
    partly = select(func.coalesce(func.sum(withdrawals.c["items"]), 0)).where(
        withdrawals.c.statement == registrations.c.position, ~withdrawals.c.whole
    )

    def total(column: Any) -> Any:
        return select(func.coalesce(column, 0)).where(standing).correlate(datasets).scalar_subquery()

    return select(
        datasets,
        total(func.count(registrations.c.id)).label("registrations"),
        total(func.sum(registrations.c["items"] - partly.scalar_subquery())).label("claims"),
    ).order_by(datasets.c.name)


def _dataset(row: Any) -> Dataset:
    return Dataset(
        name=row.name,
        profile=row.profile,
        title=row.title,
        position=row.position,
        registrations=row.registrations,
        claims=int(row.claims),
    )
