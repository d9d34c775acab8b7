"""Register and look up items in SQLite, with the module sqlite3 only."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.bare.inputs import blocks, split, statement
from firsthand.core.digests import Digests, sort_unique, to_bytes

# With pages of 8 KiB, registration is one sixth faster than with pages of 4 KiB. The cache is large enough to register
# 1 M items. Larger databases are read through the memory map, which uses no anonymous memory.
SETTINGS = """
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -65536;
PRAGMA mmap_size = 17179869184;
"""
TABLES = """
DROP TABLE IF EXISTS claims;
DROP TABLE IF EXISTS blocks;
DROP TABLE IF EXISTS overlapping;
DROP TABLE IF EXISTS registrations;
DROP TABLE IF EXISTS statements;
CREATE TABLE claims (digest BLOB NOT NULL, registration INTEGER NOT NULL, PRIMARY KEY (digest, registration))
    WITHOUT ROWID;
CREATE TABLE blocks (registration INTEGER, number INTEGER, digests BLOB NOT NULL, PRIMARY KEY (registration, number));
CREATE TABLE overlapping (digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE registrations (registration INTEGER PRIMARY KEY, origin TEXT NOT NULL, items INTEGER NOT NULL);
CREATE TABLE statements (position INTEGER PRIMARY KEY, kind TEXT NOT NULL, organization TEXT NOT NULL,
                         canonical BLOB NOT NULL, digest BLOB NOT NULL);
"""


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database at `path`, or create it. Transactions begin and end only by explicit statements."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(SETTINGS)
        yield connection
    finally:
        connection.close()


def create(connection: sqlite3.Connection) -> None:
    """Replace all tables by empty tables, in a file without free pages."""
    connection.executescript(TABLES)
    connection.execute("VACUUM")
    _checkpoint(connection)


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def register(connection: sqlite3.Connection, digests: Digests, size: int, origin: str = "human") -> float:
    """Register `digests`, `uint8[n, 32]`, in batches of `size`, and return the seconds.

    Each batch is sorted, compared with earlier claims, and committed.
    """
    started = perf_counter()
    origins: dict[int, str] = dict(connection.execute("SELECT registration, origin FROM registrations").fetchall())
    for registration, batch in enumerate(split(digests, size), start=len(origins) + 1):
        origins[registration] = origin
        connection.execute("BEGIN IMMEDIATE")
        _register(connection, registration, sort_unique(batch)[0], origins)
        connection.execute("COMMIT")
    return perf_counter() - started


def _register(connection: sqlite3.Connection, registration: int, ordered: Digests, origins: dict[int, str]) -> None:
    origin = origins[registration]
    differing = {digest for digest, earlier in find(connection, ordered) if origins[earlier] != origin}
    canonical, statement_digest = statement(registration, origin, ordered)
    claims = [(digest, registration) for digest in to_bytes(ordered)]
    connection.executemany("INSERT INTO claims VALUES (?, ?)", claims)
    connection.executemany("INSERT OR IGNORE INTO overlapping VALUES (?)", [(digest,) for digest in differing])
    connection.executemany("INSERT INTO blocks VALUES (?, ?, ?)", [(registration, *block) for block in blocks(ordered)])
    connection.execute("INSERT INTO registrations VALUES (?, ?, ?)", (registration, origin, len(ordered)))
    row = (registration, canonical, statement_digest)
    connection.execute("INSERT INTO statements VALUES (?, 'registration', 'bare', ?, ?)", row)


def fill(connection: sqlite3.Connection, ordered: Digests, registrations: int = 100) -> None:
    """Insert claims of several registrations on sorted digests, `uint8[n, 32]`, to be ready for look-ups."""
    connection.execute("BEGIN IMMEDIATE")
    for part in split(ordered, 1_000_000):
        spread = (np.arange(len(part)) % registrations + 1).tolist()
        connection.executemany("INSERT INTO claims VALUES (?, ?)", zip(to_bytes(part), spread, strict=True))
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    _checkpoint(connection)


def find(connection: sqlite3.Connection, digests: Digests) -> list[tuple[bytes, int]]:
    """Return the claims on these digests as (digest, registration), in any order.

    There may be at most 250,000 digests: the limit of parameters of a statement in SQLite on Debian.
    """
    parameters = to_bytes(digests)
    marks = ",".join("?" * len(parameters))
    query = f"SELECT digest, registration FROM claims WHERE digest IN ({marks})"
    return connection.execute(query, parameters).fetchall()


def look_up(connection: sqlite3.Connection, batches: list[Digests]) -> float:
    """Look up all batches, each `uint8[n, 32]`, and return the seconds. Each batch is one query."""
    started = perf_counter()
    for batch in batches:
        find(connection, batch)
    return perf_counter() - started
