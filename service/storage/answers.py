"""The stored answers to writes with an Idempotency-Key: their removal after some time."""

from sqlalchemy import delete, select, tuple_

from service.storage import tables
from service.storage.engine import Database, now

_DAY_SECONDS = 86_400
#: Answers of one transaction. On SQLite, other writers wait for it.
_ANSWERS_PER_TRANSACTION = 500
#: Transactions of one call; the next call goes on.
_TRANSACTIONS = 200


def delete_expired(database: Database, days: int) -> int:
    """Delete answers that are older than so many days, the oldest first. Returns their number.

    It is done in short transactions and in bounded number, so that requests hardly wait for it.
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
