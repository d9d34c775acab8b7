"""Remove stored answers to writes with an Idempotency-Key after some days."""

from sqlalchemy import delete, select, tuple_

from service.storage import tables
from service.storage.engine import Database, now

_DAY_SECONDS = 86_400
#: The number of answers that one transaction deletes. On SQLite, other writers wait for the transaction.
_ANSWERS_PER_TRANSACTION = 500
#: The maximum number of transactions per call. The next call continues.
_TRANSACTIONS = 200


def delete_expired(database: Database, days: int) -> int:
    """Delete answers that are older than `days` days, the oldest first. Return their number.

    This uses short transactions, and a limited number of them, so that requests wait only briefly.
    """
    columns = tables.answers.c
    key = tuple_(columns.organization, columns.route, columns.key)
    oldest = (
        select(columns.organization, columns.route, columns.key)
        .where(columns.answered_at < now() - days * _DAY_SECONDS)
        .order_by(columns.answered_at)
        .limit(_ANSWERS_PER_TRANSACTION)
    )
    deleted = 0
    for _ in range(_TRANSACTIONS):
        with database.writes() as session:
            count: int = session.execute(delete(tables.answers).where(key.in_(oldest))).rowcount  # type: ignore[attr-defined]
        deleted += count
        if count < _ANSWERS_PER_TRANSACTION:
            break
    return deleted
