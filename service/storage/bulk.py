"""Statements over many rows, written for each database's fastest way: by numpy buffers, without an object per row."""

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

#: Digests per query. PostgreSQL joins the result into one value, which has at most a gigabyte.
_DIGESTS_PER_QUERY = 10_000

_BYTEA, _BYTEA_ARRAY = 17, 1001
_ARRAY_ELEMENT = np.dtype([("length", ">i4"), ("digest", "u1", SIZE)])


class DigestArray(NamedTuple):
    """Digests, `uint8[n, 32]`, as one parameter of a PostgreSQL statement: `bytea[]`."""

    digests: Digests


class _DigestArrayDumper(Dumper):
    """Writes the binary format of PostgreSQL's `array_recv`, all big-endian.

    Number of dimensions, whether there are nulls, type of the elements, length and lower bound of the dimension; then
    each element after its length.
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
    """Return all rows of `table` whose column `digest` is one of `digests`, in no order. For few digests."""
    ordered, _ = sort_unique(stack(digests))
    row, *columns = columns_by_digest(session, table, ordered)
    texts = to_bytes(ordered)
    return list(zip([texts[i] for i in row.tolist()], *(column.tolist() for column in columns), strict=True))


def columns_by_digest(session: Session, table: Table, ordered: Digests) -> list[Ids]:
    """Return all rows of `table` whose column `digest` is one of `ordered`, as columns `int64[m]`, in no order.

    `ordered` is `uint8[n, 32]`, sorted and without duplicates. The first column is the row in `ordered`; then follow
    the table's other columns, which are whole numbers.
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
    """Walk through the sorted digests, cut out of one value: half the time of one parameter per digest."""
    columns = ", ".join(("i", *names))
    statement = (
        "WITH RECURSIVE wanted(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM wanted WHERE i + 1 < ?2) "
        f'SELECT {columns} FROM wanted CROSS JOIN "{table}" WHERE digest = substr(?1, {SIZE} * i + 1, {SIZE})'
    )
    rows = sqlite_connection(session).execute(statement, (ordered.tobytes(), len(ordered)))
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 1 + len(names))


def _read_postgresql(session: Session, table: str, names: Sequence[str], ordered: Digests) -> npt.NDArray[np.int64]:
    """Receive all rows joined into one value: two thirds of the time of one row per claim."""
    statement = joined_rows(table, names)
    with psycopg_connection(session).cursor(binary=True) as cursor:
        joined: bytes = cursor.execute(statement.encode(), (DigestArray(ordered),)).fetchall()[0][0] or b""
    rows = np.frombuffer(joined, dtype=">i8").reshape(-1, 1 + len(names)).astype(np.int64)
    rows[:, 0] -= 1  # WITH ORDINALITY counts from 1
    return rows


def joined_rows(table: str, names: Sequence[str]) -> str:
    """Return PostgreSQL's statement for the rows of digests, 8 bytes per column.

    It descends the index once per digest. If claims are partitioned, only the one partition that can hold the digest
    is asked; with `digest = ANY(…)` every partition is asked for every digest. OFFSET 0 prevents a hash join, which
    would read the whole table.
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
    """Write the claims (digest, registration) of new registrations, so that none conflicts with another.

    `digests` are `uint8[n, 32]`, sorted; `registration` is `int64[n]`, or one id for all. On PostgreSQL this is one
    binary COPY of a buffer that numpy builds (format: PostgreSQL manual, COPY, "Binary Format").
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


#: PostgreSQL's names of the types of columns.
_TYPES = {
    LargeBinary: "bytea", BigInteger: "int8", Integer: "int4", SmallInteger: "int2", Boolean: "bool", String: "varchar",
    Text: "text",
}  # fmt: skip


def insert_rows(session: Session, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows whose keys are new, as tuples in the order of `columns`.

    On PostgreSQL this is one COPY, in binary: the text format would double the size of blocks.
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
    """Insert rows, given as columns, and skip those whose key exists.

    Call it only under the head lock: two transactions with rows in common could otherwise wait for each other.
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
    """Return ids for new registrations, ascending: `int64[count]`.

    Claims are written under these ids; the positions are taken last. PostgreSQL's sequence never waits. SQLite has
    one writer at a time, so the highest id is enough.
    """
    if is_postgresql(session):
        query = text("SELECT nextval('registration_ids') FROM generate_series(1, :count)")
        return np.array(list(session.scalars(query, {"count": count})), dtype=np.int64)
    highest = session.scalar(select(func.max(tables.registrations.c.id))) or 0
    return np.arange(highest + 1, highest + 1 + count, dtype=np.int64)
