"""SQL for many rows, in the fastest way of each database: numpy buffers instead of one Python object per row."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, SmallInteger, String, Table, Text, func, select, text
from sqlalchemy.orm import Session

from firsthand.core.digests import SIZE, Digests, sort_unique, stack, to_bytes
from service.storage import tables
from service.storage.block_layout import Ids
from service.storage.engine import is_postgresql, psycopg_connection, sqlite_connection

#: Number of digests per query. PostgreSQL joins the result into one value, which can have at most 1 GB.
_DIGESTS_PER_QUERY = 10_000

_BYTEA, _BYTEA_ARRAY = 17, 1001
_ARRAY_ELEMENT = np.dtype([("length", ">i4"), ("digest", "u1", SIZE)])


class DigestArray(NamedTuple):
    """Digests, `uint8[n, 32]`, as one parameter of a PostgreSQL statement: `bytea[]`."""

    digests: Digests


class _DigestArrayDumper(Dumper):
    """Writes digests in the binary format of PostgreSQL's `array_recv`. All numbers are big-endian.

    The header has the number of dimensions, whether there are nulls, the type of the elements, and the length and the
    lower bound of the dimension. Each element follows after its length.
    """

    format = Format.BINARY
    oid = _BYTEA_ARRAY

    def dump(self, obj: DigestArray) -> bytes:
        header = np.array([1, 0, _BYTEA, len(obj.digests), 1], dtype=">i4")
        elements = np.empty(len(obj.digests), dtype=_ARRAY_ELEMENT)
        elements["length"], elements["digest"] = SIZE, obj.digests
        return header.tobytes() + elements.tobytes()


psycopg.adapters.register_dumper(DigestArray, _DigestArrayDumper)


def rows_by_digest(session: Session, table: Table, digests: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """Return all rows of `table` whose column `digest` is one of `digests`, in no order.

    Use it only for few digests: it returns Python objects. `columns_by_digest` returns arrays.
    """
    ordered, _ = sort_unique(stack(digests))
    row, *columns = columns_by_digest(session, table, ordered)
    texts = to_bytes(ordered)
    return list(zip([texts[i] for i in row.tolist()], *(column.tolist() for column in columns), strict=True))


def columns_by_digest(session: Session, table: Table, ordered: Digests) -> list[Ids]:
    """Return all rows of `table` whose column `digest` is one of `ordered`, as columns `int64[m]`, in no order.

    `ordered` is `uint8[n, 32]`, sorted and without duplicates. The first column of the result is the row in `ordered`.
    The other columns of the table follow; they must have whole numbers.
    """
    names = [column.name for column in table.columns if column.name != "digest"]
    read = _read_postgresql if is_postgresql(session) else _read_sqlite
    parts = [np.empty((0, 1 + len(names)), dtype=np.int64)]
    for start in range(0, len(ordered), _DIGESTS_PER_QUERY):
        part = read(session, table.name, names, ordered[start : start + _DIGESTS_PER_QUERY])
        part[:, 0] += start
        parts.append(part)
    return list(np.concatenate(parts).T)


def _read_sqlite(session: Session, table: str, names: Sequence[str], ordered: Digests) -> npt.NDArray[np.int64]:
    """Look up the sorted digests, which are cut out of one parameter.

    This takes half the time of one parameter per digest.
    """
    columns = ", ".join(("i", *names))
    statement = (
        "WITH RECURSIVE wanted(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM wanted WHERE i + 1 < ?2) "
        f'SELECT {columns} FROM wanted CROSS JOIN "{table}" WHERE digest = substr(?1, {SIZE} * i + 1, {SIZE})'
    )
    rows = sqlite_connection(session).execute(statement, (ordered.tobytes(), len(ordered)))
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 1 + len(names))


def _read_postgresql(session: Session, table: str, names: Sequence[str], ordered: Digests) -> npt.NDArray[np.int64]:
    """Look up the sorted digests. All rows of the result are joined into one value.

    This takes two thirds of the time of one row per claim.
    """
    statement = joined_rows(table, names)
    with psycopg_connection(session).cursor(binary=True) as cursor:
        joined: bytes = cursor.execute(statement.encode(), (DigestArray(ordered),)).fetchall()[0][0] or b""
    rows = np.frombuffer(joined, dtype=">i8").reshape(-1, 1 + len(names)).astype(np.int64)
    rows[:, 0] -= 1  # WITH ORDINALITY counts from 1
    return rows


def joined_rows(table: str, names: Sequence[str]) -> str:
    """Return the SQL statement by which PostgreSQL returns the rows of digests as one value, with 8 bytes per column.

    It searches the index once per digest. If claims are partitioned, it searches only the partition that can hold the
    digest; with `digest = ANY(…)`, PostgreSQL would search every partition for every digest. OFFSET 0 prevents a hash
    join, which would read the whole table.
    """
    row = " || ".join(f"int8send({name})" for name in ("number", *names))
    return (
        f"SELECT string_agg({row}, ''::bytea) FROM unnest(%b) WITH ORDINALITY AS wanted(digest, number), LATERAL ("
        f'SELECT {", ".join(names) or "1"} FROM "{table}" AS held WHERE held.digest = wanted.digest OFFSET 0) AS rows'
    )


_COPY_HEADER, _COPY_TRAILER = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
_COPY_ROW = np.dtype(
    [("fields", ">i2"), ("length", ">i4"), ("digest", "u1", 32), ("width", ">i4"), ("registration", ">i8")]
)


def insert_claims(session: Session, digests: Digests, registration: Ids | int) -> None:
    """Insert the claims (digest, registration) of new registrations. None of them may exist yet.

    `digests` are `uint8[n, 32]`, sorted. `registration` is `int64[n]`, or one id for all claims. On PostgreSQL this is
    one binary COPY of a buffer that numpy builds (format: PostgreSQL manual, COPY, "Binary Format").
    """
    if not is_postgresql(session):
        rows = zip(to_bytes(digests), np.broadcast_to(registration, len(digests)).tolist(), strict=True)
        sqlite_connection(session).executemany("INSERT INTO claims (digest, registration) VALUES (?, ?)", rows)
        return
    buffer = np.empty(len(digests), dtype=_COPY_ROW)
    buffer["fields"], buffer["length"], buffer["width"] = 2, 32, 8
    buffer["digest"], buffer["registration"] = digests, registration
    with psycopg_connection(session).cursor() as cursor, cursor.copy("COPY claims FROM STDIN BINARY") as copy:
        copy.write(_COPY_HEADER + buffer.tobytes() + _COPY_TRAILER)


#: The names of column types in PostgreSQL.
_TYPES = {
    LargeBinary: "bytea", BigInteger: "int8", Integer: "int4", SmallInteger: "int2", Boolean: "bool", String: "varchar",
    Text: "text",
}  # fmt: skip


def insert_rows(session: Session, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, which are tuples in the order of `columns`. None of their keys may exist yet.

    On PostgreSQL this is one COPY in the binary format: the text format would double the size of blocks.
    """
    names = ", ".join(columns)
    if not is_postgresql(session):
        marks = ", ".join("?" * len(columns))
        sqlite_connection(session).executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)
        return
    statement = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'.encode()
    with psycopg_connection(session).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types([_TYPES[type(table.c[name].type)] for name in columns])
        for row in rows:
            copy.write_row(row)


def insert_new(session: Session, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows, which are given as columns. Rows whose key already exists are skipped.

    Call it only under the head lock. Otherwise two transactions with common rows could wait for each other (deadlock).
    """
    names = ", ".join(columns)
    if is_postgresql(session):
        arrays = ", ".join(f"%b::{_TYPES[type(table.c[name].type)]}[]" for name in columns)
        statement = f'INSERT INTO "{table.name}" ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING'
        with psycopg_connection(session).cursor() as cursor:
            cursor.execute(statement.encode(), [list(column) for column in columns.values()])
    else:
        marks = ", ".join("?" * len(columns))
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING'
        sqlite_connection(session).executemany(statement, zip(*columns.values(), strict=True))


def next_registrations(session: Session, count: int) -> Ids:
    """Return `count` ids for new registrations, in ascending order: `int64[count]`.

    Claims are written with these ids, because positions are taken only at the end. On PostgreSQL the ids come from a
    sequence, which never waits. SQLite has one writer at a time, so the ids follow the highest id in the table.
    """
    if is_postgresql(session):
        query = text("SELECT nextval('registration_ids') FROM generate_series(1, :count)")
        return np.array(list(session.scalars(query, {"count": count})), dtype=np.int64)
    highest = session.scalar(select(func.max(tables.registrations.c.id))) or 0
    return np.arange(highest + 1, highest + 1 + count, dtype=np.int64)
