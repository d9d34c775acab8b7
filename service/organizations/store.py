"""Organizations and their keys in the database."""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from service.errors import Conflict, NotFound
from service.log import store as log
from service.log.rules import Speaker
from service.storage import tables
from service.storage.engine import Database, now

#: A key is `fh_<id>_<secret>`: looked up by its id, compared by the hash of its secret of 256 random bits.
KEY_PREFIX = "fh_"


def create(session: Session, name: str, title: str, speaker: Speaker | None = None) -> Any:
    """Create an organization by a statement of `speaker`; the first of a registry speaks for itself."""
    log.lock(session)
    if find(session, name) is not None:
        raise Conflict(f"There is an organization {name} already.")
    place = log.position(session) + 1
    id_ = session.execute(
        insert(tables.organizations).values(name=name, title=title, position=place).returning(tables.organizations.c.id)
    ).scalar_one()
    log.append(session, "organization", speaker or Speaker(id_, name), {"name": name, "title": title})
    return get(session, name)


def find(session: Session, name: str) -> Any | None:
    return session.execute(select(tables.organizations).filter_by(name=name)).one_or_none()


def get(session: Session, name: str) -> Any:
    row = find(session, name)
    if row is None:
        raise NotFound(f"There is no organization {name}.")
    return row


def page(session: Session, after: str, limit: int) -> Sequence[Any]:
    organizations = tables.organizations
    query = select(organizations).where(organizations.c.name > after).order_by(organizations.c.name).limit(limit)
    return session.execute(query).all()


def issue_key(session: Session, organization: str, name: str, scopes: Sequence[str]) -> tuple[str, str]:
    """A new key of an organization. Returns (id, the whole key): it is stored hashed, and shown this once."""
    id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    session.execute(
        insert(tables.keys).values(
            id=id_,
            organization=get(session, organization).id,
            name=name,
            scopes=" ".join(sorted(set(scopes))),
            secret=sha256(secret.encode()).digest(),
            created_at=now(),
        )
    )
    return id_, f"{KEY_PREFIX}{id_}_{secret}"


class StoredKey(NamedTuple):
    """What deciding over a key takes; the secret is hashed, the name that of its organization."""

    id: str
    organization: int
    name: str
    scopes: str
    secret: bytes
    revoked_at: int | None


def known_key(database: Database, api_key: str) -> StoredKey | None:
    """What is known of a whole key, a revoked one too; None of no key. Asked with every request that bears one.

    Compared also where there is no such id: the time tells nothing.
    """
    id_, _, secret = api_key.removeprefix(KEY_PREFIX).partition("_")
    rows = database.ask(
        "SELECT keys.id, keys.organization, organizations.name, keys.scopes, keys.secret, keys.revoked_at"
        " FROM keys JOIN organizations ON organizations.id = keys.organization WHERE keys.id = ?",
        [id_],
    )
    stored = rows[0][4] if rows else bytes(32)
    same = hmac.compare_digest(stored, sha256(secret.encode("utf-8", "surrogatepass")).digest())
    return StoredKey(*rows[0]) if rows and same else None


def key_that_opens(database: Database, api_key: str) -> StoredKey | None:
    """What is known of a whole key that was not revoked, or None."""
    found = known_key(database, api_key)
    return found if found is not None and found.revoked_at is None else None


def key(session: Session, id_: str) -> Any:
    row = session.execute(_keys().where(tables.keys.c.id == id_)).one_or_none()
    if row is None:
        raise NotFound(f"There is no key {id_}.")
    return row


def keys_page(session: Session, after: str, limit: int) -> Sequence[Any]:
    return session.execute(_keys().where(tables.keys.c.id > after).limit(limit)).all()


def _keys() -> Any:
    keys, organizations = tables.keys, tables.organizations
    named = (keys.c.name.label("label"), organizations.c.name)
    return (
        select(*(column for column in keys.c if column.name != "name"), *named)
        .join(organizations, organizations.c.id == keys.c.organization)
        .order_by(keys.c.id)
    )


def revoke(session: Session, id_: str, speaker: Speaker) -> int:
    """Revoke a key, by a statement; returns its position. A revoked key answers 409: a log says a thing once."""
    log.lock(session)
    if key(session, id_).revoked_at is not None:
        raise Conflict(f"The key {id_} was revoked before.")
    at = now()
    session.execute(update(tables.keys).where(tables.keys.c.id == id_).values(revoked_at=at))
    return log.append(session, "revocation", speaker, {"key": id_}, at)
