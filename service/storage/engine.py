"""The connection to the database, SQLite or PostgreSQL: its engine, sessions and schema revision.

All transactions begin and end in this module.
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
#: A pooled PostgreSQL connection that was idle for more than these seconds is checked before it is used.
_IDLE_SECONDS = 1.0


class Database:
    """A database: an engine, and sessions that read or write. Example: `with database.reads() as session`."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _sqlite_engine(settings) if settings.embedded else _postgresql_engine(settings)
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False)

    @contextmanager
    def reads(self) -> Iterator[Session]:
        """Open a session with one transaction that only reads. Keep it short."""
        with self._read.begin() as session:
            yield session

    @contextmanager
    def writes(self) -> Iterator[Session]:
        """Open a session with one transaction that writes.

        On SQLite, the transaction holds the write lock from its first statement.
        """
        with self._write.begin() as session:
            yield session

    def ask(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """Return the rows of one SQL statement that only reads. It has a `?` for each parameter.

        The driver is used directly, without a transaction. Use this for queries that run in every request: a session
        with a transaction takes several times as long as such a query itself.
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
            pooled.invalidate()  # after an error, the state of the connection is not known
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
        # sqlite3 must not begin transactions by itself: a transaction that reads and then writes would fail at once
        # if another writer committed in between
        connect_args={"isolation_level": None, "timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        # with mmap, look-ups use the page cache of the system; a cache in the process would hold the same pages again
        connection.execute(f"PRAGMA mmap_size={2**36}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN " + connection.get_execution_options().get("begin", "DEFERRED"))

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the database file to WAL mode. The file keeps this mode.

    If two connections switch at the same time, each holds a lock that the other one needs. SQLite then refuses one of
    them without waiting, even if a timeout is set. So this function waits and tries again.
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
    # psycopg must not begin transactions by itself: `ask` needs none, and the event `begin` starts all others
    engine = create_engine(
        settings.url,
        pool_size=settings.threads,
        max_overflow=0,
        connect_args={"autocommit": True, **settings.connect_args},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: "psycopg.Connection[tuple[Any, ...]]", _record: object) -> None:
        # just-in-time compilation of a look-up of thousands of digests takes longer than the look-up
        connection.execute("SET jit = off")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]

    @event.listens_for(engine, "checkin")
    def note_return(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["returned"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def check_if_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Check a connection that was idle, because it may have been cut.

        A connection that was in use less than a second ago is not checked, because the check takes time.
        """
        if time.monotonic() - record.info.get("returned", time.monotonic()) < _IDLE_SECONDS:
            return
        try:
            connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise DisconnectionError("the connection to the database was cut while it was idle") from error

    return engine


def now() -> int:
    """Return the current time in whole seconds since 1970, UTC."""
    return int(time.time())


def is_postgresql(session: Session) -> bool:
    """Return whether the database of a session is PostgreSQL. Otherwise it is SQLite."""
    return session.get_bind().dialect.name == "postgresql"


def psycopg_connection(session: Session) -> "psycopg.Connection[tuple[Any, ...]]":
    """Return the connection of the driver psycopg, in the transaction of the session."""
    return cast("psycopg.Connection[tuple[Any, ...]]", session.connection().connection.driver_connection)


def sqlite_connection(session: Session) -> sqlite3.Connection:
    """Return the connection of the driver sqlite3, in the transaction of the session."""
    return cast(sqlite3.Connection, session.connection().connection.driver_connection)


def revision(session: Session) -> str | None:
    """Return the revision of the schema of the database, or None if the database was never migrated."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def claim_partitions_of(session: Session) -> int:
    """Return the number of partitions of the claims table; 1 if the table is not partitioned."""
    if not is_postgresql(session):
        return 1
    return session.scalar(text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'claims'::regclass")) or 1


def is_read_only(database: Database) -> bool:
    """Return whether the database refuses every write. This check writes nothing.

    PostgreSQL reports this itself, also for a standby server. SQLite needs write permission for the file and its
    folder.
    """
    if database.engine.dialect.name == "postgresql":
        return bool(database.ask("SHOW transaction_read_only", [])[0][0] == "on")
    file = Path(str(database.engine.url.database))
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))
