"""The connection to the database, which is SQLite or PostgreSQL: engine, sessions, schema revision.

Transactions begin and end here and nowhere else.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from service.settings import Settings
from service.storage import private_files

_LOCK_WAIT_SECONDS = 60
#: A pooled PostgreSQL connection that was idle for longer is checked before it is used.
_IDLE_SECONDS = 1.0


class Database:
    """An engine, with sessions that read or write. Use it as `with database.reads() as session`."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _sqlite_engine(settings) if settings.embedded else _postgresql_engine(settings)
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False)

    @contextmanager
    def reads(self) -> Iterator[Session]:
        """Open a short transaction that only reads."""
        with self._read.begin() as session:
            yield session

    @contextmanager
    def writes(self) -> Iterator[Session]:
        """Open a transaction that writes. On SQLite it holds the write lock from its first statement."""
        with self._write.begin() as session:
            yield session

    def ask(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """Return the rows of one statement that only reads. Its parameters are written `?`.

        It uses the driver directly, without a transaction. Use it for queries that run in every request: a session
        and a transaction cost several times as much as such a query itself.
        """
        pooled = self.engine.raw_connection()
        driver: Any = pooled.driver_connection
        try:
            if self.engine.dialect.name == "sqlite":
                cursor = driver.execute(statement, parameters)
            else:
                cursor = driver.execute(statement.replace("?", "%b").encode(), parameters, binary=True)
            return list(cursor.fetchall())
        except BaseException:
            pooled.invalidate()  # after a failure the state of the connection is not known
            raise
        finally:
            pooled.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _sqlite_engine(settings: Settings) -> Engine:
    private_files.make_file(settings.database_file)
    engine = create_engine(
        settings.url,
        pool_size=settings.threads,
        max_overflow=0,
        # sqlite3 must not begin transactions by itself: one that reads and then writes would fail at once if another
        # writer committed in between
        connect_args={"isolation_level": None, "timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        # look-ups read the page cache of the system; a cache in the process would hold the same pages twice
        connection.execute(f"PRAGMA mmap_size={2**36}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN " + connection.get_execution_options().get("begin", "DEFERRED"))

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL mode; the file remembers the mode.

    If two connections switch at once, SQLite refuses one of them without waiting, whatever its timeout is, because
    each holds a lock that the other needs. So this function waits and tries again.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # the low byte is the primary error code
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _postgresql_engine(settings: Settings) -> Engine:
    # psycopg must not begin transactions by itself: `ask` needs none, and all others begin in the event below
    engine = create_engine(
        settings.url,
        pool_size=settings.threads,
        max_overflow=0,
        connect_args={"autocommit": True, **settings.connect_args},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: "psycopg.Connection[tuple[Any, ...]]", _record: object) -> None:
        # compiling a look-up of thousands of digests takes longer than running it
        connection.execute("SET jit = off")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]

    @event.listens_for(engine, "checkin")
    def note_return(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["returned"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def check_if_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """A connection that was idle may have been cut. One that was just in use is not checked: it costs time."""
        if time.monotonic() - record.info.get("returned", time.monotonic()) < _IDLE_SECONDS:
            return
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise DisconnectionError("the connection was cut while it was idle") from error

    return engine


def now() -> int:
    """Return the time in whole seconds since 1970, UTC."""
    return int(time.time())


def is_postgresql(session: Session) -> bool:
    """Return whether the session's database is PostgreSQL; it is SQLite otherwise."""
    return session.get_bind().dialect.name == "postgresql"


def psycopg_connection(session: Session) -> "psycopg.Connection[tuple[Any, ...]]":
    """Return the driver's own connection, inside the session's transaction."""
    return cast("psycopg.Connection[tuple[Any, ...]]", session.connection().connection.driver_connection)


def sqlite_connection(session: Session) -> sqlite3.Connection:
    """Return the driver's own connection, inside the session's transaction."""
    return cast(sqlite3.Connection, session.connection().connection.driver_connection)


def revision(session: Session) -> str | None:
    """Return the revision of the database's schema, or None if it was never migrated."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def claim_partitions_of(session: Session) -> int:
    """Return the number of partitions of the claims table; 1 if the table is not partitioned."""
    if not is_postgresql(session):
        return 1
    return session.scalar(text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'claims'::regclass")) or 1


def encoding(session: Session) -> str:
    """Return the encoding of a PostgreSQL database, such as UTF8."""
    return str(session.scalar(text("SHOW server_encoding")))


def is_read_only(database: Database) -> bool:
    """Return whether the database refuses every write, without writing.

    PostgreSQL says so itself, also of a standby. SQLite needs a file and a folder that it may change.
    """
    if database.engine.dialect.name == "postgresql":
        return bool(database.ask("SHOW transaction_read_only", [])[0][0] == "on")
    file = Path(str(database.engine.url.database))
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))
