"""Appending to the log, and reading it.

A position is taken last in a transaction, under a lock on the head row that is held until commit: commit order is
position order, and there is no gap. Who writes under that lock (overlaps) does so after `lock` and before commit.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from firsthand.core import canonical
from firsthand.schemas.statements import Kind
from service.errors import Unprocessable
from service.log.rules import MAX_BYTES, Speaker, canonical_time
from service.storage import tables
from service.storage.engine import insert_rows, now


def position(session: Session) -> int:
    """The position of the newest committed statement; 0 in an empty log."""
    return session.scalar(select(tables.head.c.position)) or 0


def lock(session: Session) -> int:
    """Lock the head row until commit; returns its position. No other writer gets one meanwhile."""
    return session.scalar(select(tables.head.c.position).with_for_update()) or 0


def append(session: Session, kind: Kind, speaker: Speaker, body: dict[str, Any], at: int | None = None) -> int:
    """Write one statement and return its position. `body` is what the kind says; kind, speaker and time are added."""
    return extend(session, kind, speaker, [body], at or now())


def extend(session: Session, kind: Kind, speaker: Speaker, bodies: Sequence[dict[str, Any]], at: int) -> int:
    """Write statements one after the other and return the first one's position; the lock is taken once for all."""
    first = lock(session) + 1
    entries = []
    for place, body in enumerate(bodies, first):
        said = {"kind": kind, "organization": speaker.name, "recorded_at": canonical_time(at), **body}
        encoded = canonical.encode(said)
        if len(encoded) > MAX_BYTES:
            problem = f"the statement has {len(encoded):,} canonical bytes; {MAX_BYTES:,} is the most"
            raise Unprocessable.at("body", problem)
        entries.append((place, kind, speaker.id, at, encoded, sha256(encoded).digest()))
    insert_rows(session, tables.statements, _COLUMNS, entries)
    session.execute(update(tables.head).values(position=first + len(entries) - 1))
    return first


_COLUMNS = ("position", "kind", "organization", "recorded_at", "body", "digest")


def page(session: Session, after: int, limit: int) -> Sequence[Any]:
    """Statements above a position, in order: rows of position, kind, recorded_at, body, digest, name."""
    return session.execute(_statements().where(tables.statements.c.position > after).limit(limit)).all()


def at(session: Session, place: int) -> Any | None:
    """The statement at a position, or None."""
    return session.execute(_statements().where(tables.statements.c.position == place)).one_or_none()


def _statements() -> Any:
    return (
        select(
            tables.statements.c.position,
            tables.statements.c.kind,
            tables.statements.c.recorded_at,
            tables.statements.c.body,
            tables.statements.c.digest,
            tables.organizations.c.name,
        )
        .join(tables.organizations, tables.organizations.c.id == tables.statements.c.organization)
        .order_by(tables.statements.c.position)
    )
