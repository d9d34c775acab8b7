"""Databases that are not as usual: another encoding, a pooler in between, no writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from firsthand.core.digests import to_text
from service.app import create_app
from service.organizations import store
from service.settings import Settings
from service.storage.engine import Database, is_read_only
from tests.conftest import create_database, database_at, drop_database
from tests.factories import digest
from tests.service.processes import ran
from tests.service.wire import check

on_postgresql = pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused_with_the_statement_that_makes_one(
    postgresql: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"test_{uuid4().hex[:12]}"
    create_database(postgresql, f"{name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'", "template0")
    monkeypatch.setenv("FIRSTHAND_DATABASE_URL", database_at(postgresql, name))
    for command in (["migrate"], ["serve", "--port", "0"]):
        refused = ran(*command)
        assert refused.exit_code == 1
        assert f"has the encoding {encoding}; a registry needs UTF8" in refused.stderr
        assert "CREATE DATABASE firsthand ENCODING 'UTF8' TEMPLATE template0" in refused.stderr
    with psycopg.connect(database_at(postgresql, name)) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    drop_database(postgresql, name)


@contextmanager
def client_of(settings: Settings) -> Iterator[TestClient]:
    """The application in this process, with a key of all scopes."""
    database = Database(settings)
    with database.writes() as session:
        store.create(session, "local", "")
        _, key = store.issue_key(session, "local", "", ["read", "write", "admin", "operator"])
    database.close()
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


def prepared(client: TestClient) -> int:
    """How many statements are prepared on the connections of an application, after many requests."""
    client.put("/v1/datasets/local/texts", json={})
    for number in range(10):
        item = {"digests": [to_text(digest(number))]}
        answer = client.post("/v1/datasets/local/texts/registrations?origin=human", json=item)
        assert answer.status_code == 201
        assert client.post("/v1/lookups", json=item).json()["verdicts"] == ["human"]
        assert client.get("/v1/keys/current").status_code == 200
    database: Database = client.app.state.shared.get(Database)  # type: ignore[attr-defined]
    query = text("SELECT count(*) FROM pg_prepared_statements")
    with database.reads() as first, database.reads() as second:
        return sum(session.scalar(query) or 0 for session in (first, second))


@on_postgresql
def test_behind_a_pooler_no_statement_is_prepared(empty_database: Settings) -> None:
    """A pooler such as pgbouncer gives each transaction another connection, which does not know what was prepared."""
    mark = "&" if "?" in str(empty_database.database_url) else "?"
    pooled = Settings(
        database_url=f"{empty_database.database_url}{mark}prepare_threshold=0", data_dir=empty_database.data_dir
    )
    with client_of(pooled) as client:
        assert prepared(client) == 0


@on_postgresql
def test_without_a_pooler_frequent_statements_are_prepared(empty_database: Settings) -> None:
    with client_of(empty_database) as client:
        assert prepared(client) > 0


@on_postgresql
def test_a_read_only_postgresql_is_named_by_readyz_and_by_every_write(
    empty_database: Settings, postgresql: str
) -> None:
    with client_of(empty_database) as client:
        assert client.get("/readyz").status_code == 200
        database: Database = client.app.state.shared.get(Database)  # type: ignore[attr-defined]
        name = database.engine.url.database
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        database.engine.dispose()  # as after a failover: new connections
        assert "The database is read-only" in check(client.get("/readyz"), 503)
        assert "The database is read-only" in check(client.put("/v1/datasets/local/texts", json={}), 503)
        assert client.get("/v1/organizations").status_code == 200


@pytest.fixture
def read_only_folder(empty_database: Settings) -> Iterator[Settings]:
    """The settings of a SQLite database in a folder that nobody may write."""
    folder = empty_database.data_dir
    changed = [folder, *folder.iterdir()]
    for path in changed:
        path.chmod(path.stat().st_mode & ~0o222)
    yield empty_database
    for path in reversed(changed):
        path.chmod(path.stat().st_mode | 0o200)


def test_a_read_only_sqlite_file_is_noticed_without_writing(
    read_only_folder: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # root may write everything, so the answer of the system is stated here
    monkeypatch.setattr("service.storage.engine.os.access", lambda path, _: bool(Path(path).stat().st_mode & 0o200))
    database = Database(read_only_folder)
    assert is_read_only(database)
    database.close()


@pytest.mark.slow
def test_a_sqlite_database_that_became_read_only_is_named_by_readyz_and_by_every_write(
    empty_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(empty_database) as client:
        assert client.get("/readyz").status_code == 200
        database: Database = client.app.state.shared.get(Database)  # type: ignore[attr-defined]
        database.engine.dispose()
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        assert "The database is read-only" in check(client.put("/v1/datasets/local/texts", json={}), 503)
        monkeypatch.setattr("service.storage.engine.os.access", lambda path, _: False)
        assert "The database is read-only" in check(client.get("/readyz"), 503)
