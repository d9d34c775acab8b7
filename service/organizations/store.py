"""Organizations and their API keys in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from service.errors import ResourceNotFound, StateConflict
from service.log import store as log
from service.log.rules import Issuer
from service.storage import tables
from service.storage.api_keys import new_key
from service.storage.engine import now


def create(session: Session, name: str, title: str, issuer: Issuer | None = None) -> Any:
    """Create an organization, and return its row. Raises StateConflict if the name already exists.

    Without `issuer`, the new organization itself is the issuer of the statement. This is for the first organization of
    a registry.
    """
    log.lock(session)
    if find(session, name) is not None:
        raise StateConflict(f"There is already an organization {name}. Use another name.")
    position = log.position(session) + 1
    values = {"name": name, "title": title, "position": position}
    id_ = session.execute(
        insert(tables.organizations).values(**values).returning(tables.organizations.c.id)
    ).scalar_one()
    log.append(session, "organization", issuer or Issuer(id_, name), {"name": name, "title": title})
    return get(session, name)


def find(session: Session, name: str) -> Any | None:
    """Return the row of an organization, or None if it does not exist."""
    return session.execute(select(tables.organizations).filter_by(name=name)).one_or_none()


def get(session: Session, name: str) -> Any:
    """Return the row of an organization. Raises ResourceNotFound if it does not exist."""
    row = find(session, name)
    if row is None:
        raise ResourceNotFound(f"There is no organization {name}. GET /v1/organizations lists all organizations.")
    return row


def page(session: Session, after: str, limit: int) -> Sequence[Any]:
    """Return at most `limit` rows of organizations with names after `after`, sorted by name."""
    organizations = tables.organizations
    query = select(organizations).where(organizations.c.name > after).order_by(organizations.c.name).limit(limit)
    return session.execute(query).all()


def issue_key(session: Session, organization: str, name: str, scopes: Sequence[str]) -> tuple[str, str]:
    """Create an API key for an organization. Returns (the id, the whole key). Only a hash of the key is stored."""
    key = new_key()
    session.execute(
        insert(tables.keys).values(
            id=key.id,
            organization=get(session, organization).id,
            name=name,
            scopes=" ".join(sorted(set(scopes))),
            secret=key.secret_hash,
            created_at=now(),
        )
    )
    return key.id, key.key


def key(session: Session, id_: str) -> Any:
    """Return the row of an API key, with the name of its organization. Raises ResourceNotFound if it does not exist."""
    row = session.execute(_keys().where(tables.keys.c.id == id_)).one_or_none()
    if row is None:
        raise ResourceNotFound(f"There is no key {id_}. GET /v1/keys lists all keys.")
    return row


def keys_page(session: Session, after: str, limit: int) -> Sequence[Any]:
    """Return at most `limit` rows of API keys with ids after `after`, sorted by id."""
    return session.execute(_keys().where(tables.keys.c.id > after).limit(limit)).all()


def _keys() -> Any:
    keys, organizations = tables.keys, tables.organizations
    named = (keys.c.name.label("label"), organizations.c.name)
    return (
        select(*(column for column in keys.c if column.name != "name"), *named)
        .join(organizations, organizations.c.id == keys.c.organization)
        .order_by(keys.c.id)
    )


def revoke(session: Session, id_: str, issuer: Issuer) -> int:
    """Revoke an API key, and return the position of the statement. Raises StateConflict if it is already revoked."""
    log.lock(session)
    if key(session, id_).revoked_at is not None:
        raise StateConflict(f"The key {id_} is already revoked. Nothing was changed.")
    at = now()
    session.execute(update(tables.keys).where(tables.keys.c.id == id_).values(revoked_at=at))
    return log.append(session, "revocation", issuer, {"key": id_}, at)
