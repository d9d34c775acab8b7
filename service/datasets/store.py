"""Datasets in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from firsthand.core.names import ParsedDatasetName as DatasetName
from firsthand.schemas.datasets import Dataset, NewDataset
from service.errors import NotPermitted, ResourceNotFound, StateConflict
from service.log import store as log
from service.log.rules import Issuer
from service.storage import tables


def put(session: Session, issuer: Issuer, name: DatasetName, new: NewDataset) -> tuple[Dataset, bool]:
    """Create a dataset. Return (the dataset, whether it is new).

    Raises NotPermitted if the name belongs to another organization, and StateConflict if the dataset already exists
    with another profile or title.
    """
    if name.organization != issuer.name:
        raise NotPermitted(
            f"The dataset {name} would belong to {name.organization}, but this API key belongs to {issuer.name}. "
            f"Use a name that begins with {issuer.name}/."
        )
    log.lock(session)
    row = session.execute(_rows().where(tables.datasets.c.name == str(name))).one_or_none()
    if row is not None:
        if (row.profile, row.title) != (new.profile, new.title):
            raise StateConflict(
                f"The dataset {name} already exists with the profile {row.profile} and the title {row.title!r}. "
                "A dataset cannot be changed; choose another name."
            )
        return _dataset(row), False
    values = {"profile": new.profile, "title": new.title}
    position = log.append(session, "dataset", issuer, {"dataset": str(name), **values})
    session.execute(insert(tables.datasets).values(organization=issuer.id, name=str(name), position=position, **values))
    return get(session, str(name)), True


def get(session: Session, name: str) -> Dataset:
    """Return a dataset. Raises ResourceNotFound if it does not exist."""
    row = session.execute(_rows().where(tables.datasets.c.name == name)).one_or_none()
    if row is None:
        raise ResourceNotFound(f"There is no dataset {name}. GET /v1/datasets lists all datasets.")
    return _dataset(row)


def page(session: Session, after: str, limit: int) -> Sequence[Dataset]:
    """Return at most `limit` datasets with names after `after`, sorted by name."""
    return [_dataset(row) for row in session.execute(_rows().where(tables.datasets.c.name > after).limit(limit))]


def _rows() -> Any:
    """Return the query for datasets with the numbers of their standing registrations and claims, sorted by name."""
    datasets, registrations, withdrawals = tables.datasets, tables.registrations, tables.withdrawals
    withdrawn = select(withdrawals.c.position).where(
        withdrawals.c.statement == registrations.c.position, withdrawals.c.whole
    )
    standing = (registrations.c.dataset == datasets.c.id) & ~withdrawn.exists()
    withdrawn_items = select(func.coalesce(func.sum(withdrawals.c["items"]), 0)).where(
        withdrawals.c.statement == registrations.c.position, ~withdrawals.c.whole
    )

    def total(column: Any) -> Any:
        return select(func.coalesce(column, 0)).where(standing).correlate(datasets).scalar_subquery()

    return select(
        datasets,
        total(func.count(registrations.c.id)).label("registrations"),
        total(func.sum(registrations.c["items"] - withdrawn_items.scalar_subquery())).label("claims"),
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
