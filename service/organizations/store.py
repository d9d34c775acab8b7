"""Organizations and their API keys in the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from service.errors import ResourceNotFound, StateConflict
from service.log import store as log
from service.log.rules import Issuer
from service.organizations import rules
from service.organizations.rules import KeyManager
from service.storage import tables
from service.storage.api_keys import NewApiKey, new_key
from service.storage.engine import now


def create(session: Session, name: str, title: str, issuer: Issuer | None = None) -> Any:
    """Create an organization, and return its row. Raises StateConflict if the name already exists.

    `issuer` is the organization that makes the statement in the log. Without it, the new organization itself is the
    issuer: this is used for the first organization of a registry.
    """
    log.lock(session)
    if find(session, name) is not None:
        raise StateConflict(f"The organization {name} already exists. Use another name.")
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


def issue_key(
    session: Session,
    organization: str,
    name: str,
    scopes: Sequence[str],
    expires_at: int | None = None,
    key: NewApiKey | None = None,
) -> tuple[str, str]:
    """Store an API key of an organization. Without `key`, a random key is created. Return (id, the whole key).

    Only a hash of the key is stored.
    """
    key = key or new_key()
    session.execute(
        insert(tables.keys).values(
            id=key.id,
            organization=get(session, organization).id,
            name=name,
            scopes=" ".join(sorted(set(scopes))),
            secret=key.secret_hash,
            created_at=now(),
            expires_at=expires_at,
        )
    )
    return key.id, key.key


def rotate(
    session: Session, manager: KeyManager, id_: str, overlap: int, expires_at: int | None, new: NewApiKey
) -> int:
    """Replace an API key by a new key with the same organization, name and scopes. Return when the old key expires.

    The old key stays valid for `overlap` seconds, but at most until it would have expired anyway.
    """
    old, time = managed_key(session, manager, id_, "rotate"), now()
    rules.check_rotation(old, time)
    scopes = old.scopes.split()
    manager.check_scopes(scopes)
    issue_key(session, old.name, old.label, scopes, expires_at or rules.end_of_replacement(old, time), new)
    until = min(time + overlap, time + overlap if old.expires_at is None else old.expires_at)
    session.execute(update(tables.keys).where(tables.keys.c.id == id_).values(expires_at=until, replaced_by=new.id))
    return until


def key(session: Session, id_: str) -> Any:
    """Return the row of an API key, with the name of its organization. Raises ResourceNotFound if it does not exist."""
    row = session.execute(_keys().where(tables.keys.c.id == id_)).one_or_none()
    if row is None:
        raise ResourceNotFound(f"There is no key {id_}. GET /v1/keys lists all keys.")
    return row


def managed_key(session: Session, manager: KeyManager, id_: str, action: str) -> Any:
    """Return the row of an API key, which is locked until the transaction ends.

    Raises ResourceNotFound if the key does not exist or if the caller does not manage its organization, and
    NotPermitted if the key is an operator's and the caller is not an operator. `action` is the verb in the message,
    such as `rotate`.
    """
    row = session.execute(_keys().where(tables.keys.c.id == id_).with_for_update(of=tables.keys)).one_or_none()
    if row is None:
        raise ResourceNotFound(rules.no_key(manager, id_))
    manager.check_key(row, action)
    return row


def keys_page(session: Session, after: str, limit: int, organization: int | None) -> Sequence[Any]:
    """Return at most `limit` rows of API keys with ids after `after`, sorted by id.

    The keys belong to one organization, or to all if `organization` is None.
    """
    query = _keys().where(tables.keys.c.id > after).limit(limit)
    if organization is not None:
        query = query.where(tables.keys.c.organization == organization)
    return session.execute(query).all()


def _keys() -> Any:
    keys, organizations = tables.keys, tables.organizations
    named = (keys.c.name.label("label"), organizations.c.name)
    return (
        select(*(column for column in keys.c if column.name != "name"), *named)
        .join(organizations, organizations.c.id == keys.c.organization)
        .order_by(keys.c.id)
    )


def revoke(session: Session, manager: KeyManager, id_: str) -> int:
    """Revoke an API key, and return the position of the statement.

    Raises StateConflict if the key is already revoked or is the last valid key with the scope operator,
    and the errors of `managed_key`.
    """
    log.lock(session)
    row, time = managed_key(session, manager, id_, "revoke"), now()
    if row.revoked_at is not None:
        raise StateConflict(f"The key {id_} is already revoked. Nothing was changed.")
    rules.check_last_operator(row, _other_operators(session, id_, time), time)
    position, at = log.extend(session, "revocation", manager.issuer, [{"key": id_}])
    session.execute(update(tables.keys).where(tables.keys.c.id == id_).values(revoked_at=at))
    return position


def _other_operators(session: Session, id_: str, time: int) -> bool:
    """Return whether another valid key has the scope operator."""
    keys = tables.keys.c
    lasts = or_(keys.expires_at.is_(None), keys.expires_at > time)
    query = select(keys.id).where(keys.id != id_, keys.revoked_at.is_(None), lasts, keys.scopes.contains("operator"))
    return session.execute(query.limit(1)).first() is not None
