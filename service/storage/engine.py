"""The two databases behind one face: engines, transactions, and the few statements that need a dialect's own way."""

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import psycopg
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from firsthand.core.digests import SIZE, Digests, sort_unique, stack, to_bytes
from service.settings import Settings
from service.storage import tables
from service.storage.postgres_arrays import Asked

# Digests a query: PostgreSQL joins what it finds into one value, of a gigabyte at most.
_CHUNK = 10_000
_LOCK_WAIT_SECONDS = 60
#: Of a connection in the pool: after so long it is asked whether it still stands.
_IDLE_SECONDS = 1.0


class Database:
    """An engine, and sessions that read or write. Every use is `with database.reads() as session`."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings)
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False)

    @contextmanager
    def reads(self) -> Iterator[Session]:
        """One short transaction that only reads."""
        with self._read.begin() as session:
            yield session

    @contextmanager
    def writes(self) -> Iterator[Session]:
        """One transaction that writes; on SQLite it has the write lock from its first statement."""
        with self._write.begin() as session:
            yield session

    def ask(self, statement: str, given: Sequence[Any]) -> list[Any]:
        """The rows of one statement that only reads, its parameters `?`; by the bare driver, in no transaction.

        For questions that are asked with every request: a session and a transaction around it cost several times as
        much as the answer.
        """
        pooled = self.engine.raw_connection()
        driver: Any = pooled.driver_connection
        try:
            if self.engine.dialect.name == "sqlite":
                return driver.execute(statement, given).fetchall()  # type: ignore[no-any-return]
            return driver.execute(statement.replace("?", "%b").encode(), given, binary=True).fetchall()  # type: ignore[no-any-return]
        except BaseException:
            pooled.invalidate()  # one on which something failed is not used again
            raise
        finally:
            pooled.close()

    def close(self) -> None:
        self.engine.dispose()


def _engine(settings: Settings) -> Engine:
    if not settings.url.startswith("sqlite"):
        # as sqlite3, psycopg shall not open transactions by itself: `ask` needs none, and else they are begun below
        engine = create_engine(
            settings.url, pool_size=settings.threads, max_overflow=0, connect_args={"autocommit": True}
        )
        event.listen(engine, "connect", _set_up_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
        event.listen(engine, "checkin", _note_return)
        event.listen(engine, "checkout", _ping_what_was_idle)
        return engine
    engine = create_engine(
        settings.url,
        pool_size=settings.threads,
        max_overflow=0,
        # sqlite3 shall not open transactions by itself: read-then-write fails at once when another writer came between
        connect_args={"isolation_level": None, "timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_postgresql(connection: "psycopg.Connection[tuple[Any, ...]]", _record: object) -> None:
    connection.execute("SET jit = off")  # it would compile look-ups of thousands of digests for longer than they take


def _note_return(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["returned"] = time.monotonic()


def _ping_what_was_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """A connection that lay for a while may have been cut; one that was in use this moment is not asked each time."""
    if time.monotonic() - record.info.get("returned", time.monotonic()) < _IDLE_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise DisconnectionError("the connection was cut while it lay idle") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA mmap_size={2**36}")  # look-ups read the page cache; a cache of our own would double it


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """The file remembers the mode, so only a new one is switched; where two switch it at once, SQLite refuses one of
    them without waiting, whatever its timeout (each holds what the other needs): so we wait here.
    """
    give_up = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # the low byte is the kind of error, the rest its variety
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _begin_postgresql(connection: Connection) -> None:
    connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN " + connection.get_execution_options().get("begin", "DEFERRED"))


def now() -> int:
    """Whole seconds since 1970, UTC."""
    return int(time.time())


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _psycopg(session: Session) -> "psycopg.Connection[tuple[Any, ...]]":
    """The driver's own connection, inside the session's transaction."""
    return cast("psycopg.Connection[tuple[Any, ...]]", session.connection().connection.driver_connection)


def _sqlite(session: Session) -> sqlite3.Connection:
    return cast(sqlite3.Connection, session.connection().connection.driver_connection)


def rows_by_digest(session: Session, table: Table, digests: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """All rows of `table` whose column `digest` is one of `digests`, in no order: `columns_by_digest` for few."""
    ordered, _ = sort_unique(stack(digests))
    row, *columns = columns_by_digest(session, table, ordered)
    asked = to_bytes(ordered)
    return list(zip([asked[i] for i in row.tolist()], *(column.tolist() for column in columns), strict=True))


def columns_by_digest(session: Session, table: Table, ordered: Digests) -> list[npt.NDArray[np.int64]]:
    """All rows of `table` whose column `digest` is one of `ordered`, `uint8[n, 32]`, sorted and each once; as columns.

    The first column is the row of each in `ordered`; then come the table's other columns, which are whole numbers.
    Each is `int64[m]`, in no order. No object is made for a row, and the digests are sent as one value.
    """
    names = [column.name for column in table.columns if column.name != "digest"]
    read = _columns_postgresql if is_postgresql(session) else _columns_sqlite
    found = [read(session, table.name, names, ordered[i : i + _CHUNK]) for i in range(0, len(ordered), _CHUNK)]
    for number, part in enumerate(found):
        part[:, 0] += number * _CHUNK
    return list(np.concatenate([np.empty((0, 1 + len(names)), dtype=np.int64), *found]).T)


def _columns_sqlite(session: Session, table: str, names: Sequence[str], ordered: Digests) -> npt.NDArray[np.int64]:
    """One walk through the sorted digests, cut out of one value: half the time of a list of as many parameters."""
    columns = ", ".join(("i", *names))
    statement = (
        "WITH RECURSIVE asked(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM asked WHERE i + 1 < ?2) "
        f'SELECT {columns} FROM asked CROSS JOIN "{table}" WHERE digest = substr(?1, {SIZE} * i + 1, {SIZE})'
    )
    rows = _sqlite(session).execute(statement, (ordered.tobytes(), len(ordered)))
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 1 + len(names))


def _columns_postgresql(session: Session, table: str, names: Sequence[str], ordered: Digests) -> npt.NDArray[np.int64]:
    """All rows joined into one value, which takes two thirds of the time of as many rows."""
    statement = joined_rows(table, names)
    with _psycopg(session).cursor(binary=True) as cursor:
        joined: bytes = cursor.execute(statement.encode(), (Asked(ordered),)).fetchall()[0][0] or b""
    found = np.frombuffer(joined, dtype=">i8").reshape(-1, 1 + len(names)).astype(np.int64)
    found[:, 0] -= 1  # places are counted from 1
    return found


def joined_rows(table: str, names: Sequence[str]) -> str:
    """PostgreSQL's statement for the rows of digests, 8 bytes a column.

    A descent into the index for each digest, and where claims are partitioned into the one index that may have it: with
    `digest = ANY(…)` each partition is asked for every digest. OFFSET 0 keeps the planner from a join by hash, which
    would read the whole table.
    """
    row = " || ".join(f"int8send({name})" for name in ("place", *names))
    return (
        f"SELECT string_agg({row}, ''::bytea) FROM unnest(%b) WITH ORDINALITY AS asked(digest, place), LATERAL ("
        f'SELECT {", ".join(names) or "1"} FROM "{table}" AS held WHERE held.digest = asked.digest OFFSET 0) AS found'
    )


def blocks_of(
    session: Session, registrations: npt.NDArray[np.int64], columns: Sequence[str], dense: bool
) -> list[tuple[Any, ...]]:
    """Rows (registration, number, digests, …columns) of the blocks of registrations, in no order.

    `dense`: all between the lowest and the highest come, others' too. Ten thousand small blocks that lie side by side
    are read so in half the time that looking each up takes.
    """
    low, high = int(registrations.min()), int(registrations.max())
    names = ", ".join(("registration", "number", "digests", *columns))
    mark = "%s" if is_postgresql(session) else "?"
    if dense:
        where, given = f"registration BETWEEN {mark} AND {mark}", [low, high]
    elif is_postgresql(session):
        where, given = "registration = ANY(%s)", [registrations.tolist()]
    else:
        where, given = f"registration IN ({','.join('?' * len(registrations))})", registrations.tolist()
    statement = f"SELECT {names} FROM blocks WHERE {where}"
    if not is_postgresql(session):
        return _sqlite(session).execute(statement, given).fetchall()
    # out by COPY: row by row as they come, in a third of the time that one result of many megabytes takes
    copied = f"COPY ({statement}) TO STDOUT (FORMAT binary)".encode()
    with _psycopg(session).cursor() as cursor, cursor.copy(copied, given) as copy:
        copy.set_types(["int8", "int4", "bytea", *("bytea" for _ in columns)])
        return list(copy.rows())


def insert_claims(session: Session, digests: Digests, registration: int | npt.NDArray[np.int64]) -> None:
    """Write the claims (digest, registration) for sorted digests `uint8[n, 32]` of new registrations: none conflicts.

    `registration` is one for all, or `int64[n]`. On PostgreSQL one binary COPY of a buffer that numpy builds (format:
    PostgreSQL manual, COPY, "Binary Format").
    """
    if not is_postgresql(session):
        ids = repeat(registration) if isinstance(registration, int) else registration.tolist()
        _sqlite(session).executemany(
            "INSERT INTO claims (digest, registration) VALUES (?, ?)", zip(to_bytes(digests), ids, strict=False)
        )
        return
    rows = np.empty(len(digests), dtype=_COPY_ROW)
    rows["fields"], rows["length"], rows["width"] = 2, 32, 8
    rows["digest"], rows["registration"] = digests, registration
    with _psycopg(session).cursor() as cursor, cursor.copy("COPY claims FROM STDIN BINARY") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\x00" + bytes(8) + rows.tobytes() + b"\xff\xff")


_COPY_ROW = np.dtype(
    [("fields", ">i2"), ("length", ">i4"), ("digest", "u1", 32), ("width", ">i4"), ("registration", ">i8")]
)


def insert_rows(session: Session, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write many rows whose keys are new, as tuples in the order of `columns`: one COPY on PostgreSQL."""
    names = ", ".join(columns)
    if not is_postgresql(session):
        marks = ", ".join("?" * len(columns))
        _sqlite(session).executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)
        return
    with (
        _psycopg(session).cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN'.encode()) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def insert_new(session: Session, table: Table, rows: Mapping[str, Sequence[Any]]) -> None:
    """Insert those rows (as columns) whose key is not there yet.

    Only under the head lock: two of these with rows in common could otherwise wait for each other.
    """
    names = ", ".join(rows)
    if is_postgresql(session):
        arrays = ", ".join(f"%b::{_ARRAYS[type(table.c[name].type)]}" for name in rows)
        statement = f'INSERT INTO "{table.name}" ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING'
        with _psycopg(session).cursor() as cursor:
            cursor.execute(statement.encode(), [list(column) for column in rows.values()])
    else:
        marks = ", ".join("?" * len(rows))
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING'
        _sqlite(session).executemany(statement, zip(*rows.values(), strict=True))


_ARRAYS = {LargeBinary: "bytea[]", BigInteger: "int8[]", Integer: "int4[]"}


def next_registration(session: Session) -> int:
    """An id for a registration, known before its position is (claims are written first, the position is taken last)."""
    return next_registrations(session, 1)[0]


def next_registrations(session: Session, count: int) -> list[int]:
    """Ids for so many registrations, ascending.

    PostgreSQL's sequence never waits; SQLite has one writer at a time, so the highest id is enough.
    """
    if is_postgresql(session):
        query = text("SELECT nextval('registration_ids') FROM generate_series(1, :count)")
        return list(session.scalars(query, {"count": count}))
    highest = session.scalar(select(func.max(tables.registrations.c.id))) or 0
    return list(range(highest + 1, highest + 1 + count))


def claim_partitions_of(session: Session) -> int:
    """How many partitions the claims lie in; 1 where the table is not divided."""
    if not is_postgresql(session):
        return 1
    return session.scalar(text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'claims'::regclass")) or 1


def revision(session: Session) -> str | None:
    """The revision of the database's schema, or None where it was never migrated."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def shown(url: str) -> str:
    """A database's address without its password, wherever it stands in it."""
    return re.sub(r"(://[^:/@]*:)[^/]*@|([?&]password=)[^&]*", lambda m: f"{m[1]}…@" if m[1] else f"{m[2]}…", url)
