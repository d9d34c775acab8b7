"""Append statements to the log, and read them.

A transaction gets its position at its end, under a lock on the head row, and holds this lock until commit. So positions
are in the order of commits and have no gaps. Writes that need this lock (to the table `overlaps`) must come after
`lock`.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from firsthand.core import canonical
from firsthand.schemas.statements import Kind
from service.errors import Unprocessable
from service.log.rules import MAX_BYTES, Issuer, canonical_time
from service.storage import tables
from service.storage.bulk import insert_rows
from service.storage.engine import now


def position(session: Session) -> int:
    """Return the position of the newest committed statement; 0 if the log is empty."""
    return session.scalar(select(tables.head.c.position)) or 0


def lock(session: Session) -> int:
    """Lock the head row until commit, and return its position. Until then, no other transaction can take a position."""
    return session.scalar(select(tables.head.c.position).with_for_update()) or 0


class Recorded(NamedTuple):
    """The position of the first of some new statements, and the time of all of them."""

    position: int
    recorded_at: int


def append(session: Session, kind: Kind, issuer: Issuer, body: dict[str, Any]) -> int:
    """Append one statement, and return its position."""
    return extend(session, kind, issuer, [body]).position


def extend(session: Session, kind: Kind, issuer: Issuer, bodies: Sequence[dict[str, Any]]) -> Recorded:
    """Append statements of one kind. Return the position of the first statement, and the time of all.

    Take the head lock.

    Each body has only the fields of its kind. This function adds the kind, the issuer and the time. The time is the
    current time, but never before that of the newest statement, because clocks of hosts differ and can be set back.
    Raises Unprocessable if a statement is larger than MAX_BYTES in canonical form.
    """
    first = lock(session) + 1
    at = max(now(), newest_time(session))
    entries = []
    for entry_position, body in enumerate(bodies, first):
        statement = {"kind": kind, "organization": issuer.name, "recorded_at": canonical_time(at), **body}
        encoded = canonical.encode(statement)
        if len(encoded) > MAX_BYTES:
            raise Unprocessable.at(
                "body",
                f"the statement has {len(encoded):,} bytes in canonical form, and the limit is {MAX_BYTES:,}; "
                "shorten its texts or lists",
            )
        entries.append((entry_position, kind, issuer.id, at, encoded, sha256(encoded).digest()))
    insert_rows(session, tables.statements, _COLUMNS, entries)
    session.execute(update(tables.head).values(position=first + len(entries) - 1))
    return Recorded(first, at)


def newest_time(session: Session) -> int:
    """Return when the newest statement was recorded; 0 if the log is empty."""
    statements = tables.statements.c
    query = select(statements.recorded_at).where(statements.position == tables.head.c.position)
    return session.scalar(query) or 0


_COLUMNS = ("position", "kind", "organization", "recorded_at", "body", "digest")


def page(session: Session, after: int, limit: int) -> Sequence[Any]:
    """Return at most `limit` statements above the position `after`, in the order of positions.

    The columns are position, kind, recorded_at, body, digest and name (of the organization).
    """
    return session.execute(_statements().where(tables.statements.c.position > after).limit(limit)).all()


def at(session: Session, entry_position: int) -> Any | None:
    """Return the statement at a position, or None if there is no statement."""
    return session.execute(_statements().where(tables.statements.c.position == entry_position)).one_or_none()


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
