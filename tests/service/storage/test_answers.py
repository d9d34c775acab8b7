"""Stored answers are deleted after their time, a few at a time."""

import httpx2
import pytest
from sqlalchemy import func, select, update

from service.settings import Settings
from service.storage import answers, tables
from service.storage.engine import Database, now
from tests.conftest import Registry, on_both

DAY = 86_400


def age(database: Database, seconds: int) -> None:
    """Make every stored answer older."""
    columns = tables.answers.c
    with database.writes() as session:
        session.execute(update(tables.answers).values(answered_at=columns.answered_at - seconds))


def number(database: Database) -> int:
    with database.reads() as session:
        return session.scalar(select(func.count()).select_from(tables.answers)) or 0


@on_both
def test_an_answer_is_given_again_for_thirty_days_and_then_the_write_is_a_new_one(
    registry: Registry, http: httpx2.Client
) -> None:
    database = Database(registry.settings)

    def created(name: str, key: str = "a") -> httpx2.Response:
        return http.post("/v1/organizations", json={"name": name}, headers={"Idempotency-Key": key})

    first = created("acme")
    age(database, 30 * DAY - 600)
    created("other", key="b")
    assert answers.delete_expired(database, 30) == 0
    assert created("acme").content == first.content
    age(database, 1_200)
    assert answers.delete_expired(database, 30) == 1
    assert created("acme").status_code == 409  # the write is done again, and the organization exists
    assert created("other", key="b").status_code == 201
    database.close()


@on_both
def test_many_answers_are_deleted_in_short_transactions_and_the_next_call_goes_on(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_ANSWERS_PER_TRANSACTION", 10)
    monkeypatch.setattr(answers, "_TRANSACTIONS", 3)
    database = Database(registry.settings)
    rows = [
        {"organization": 1, "route": "/", "key": f"{n}", "request": b"", "answered_at": now() - 31 * DAY - n}
        for n in range(45)
    ]
    with database.writes() as session:
        session.execute(tables.answers.insert(), rows)
    assert [answers.delete_expired(database, 30) for _ in range(3)] == [30, 15, 0]
    assert number(database) == 0
    database.close()


def test_they_are_found_by_an_index(empty_database: Settings) -> None:
    (index,) = tables.answers.indexes
    assert [column.name for column in index.columns] == ["answered_at"]
