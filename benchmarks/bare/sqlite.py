"""SQLite by the sqlite3 module alone: tables, registering, looking up."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.bare.drawing import blocks, split, statement
from firsthand.core.digests import Digests, sort_unique, to_bytes

# Pages of 8 KiB register a sixth more than those of 4 KiB. The cache is of the size that registering 1 M items fills;
# look-ups in more than it holds go through the memory map, which costs no anonymous memory.
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
    """A connection to the database at `path`, made if it is not there; transactions begin and end where told."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(SETTINGS)
        yield connection
    finally:
        connection.close()


def create(connection: sqlite3.Connection) -> None:
    """Empty tables in place of any that there are, in a file of no free pages."""
    connection.executescript(TABLES)
    connection.execute("VACUUM")
    _checkpoint(connection)


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def register(connection: sqlite3.Connection, digests: Digests, size: int, origin: str = "human") -> float:
    """Seconds to register `uint8[n, 32]` in batches of `size`: a transaction each, sorted, after an existence check."""
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
    said, digest = statement(registration, origin, ordered)
    claims = [(one, registration) for one in to_bytes(ordered)]
    connection.executemany("INSERT INTO claims VALUES (?, ?)", claims)
    connection.executemany("INSERT OR IGNORE INTO overlapping VALUES (?)", [(one,) for one in differing])
    connection.executemany("INSERT INTO blocks VALUES (?, ?, ?)", [(registration, *one) for one in blocks(ordered)])
    connection.execute("INSERT INTO registrations VALUES (?, ?, ?)", (registration, origin, len(ordered)))
    connection.execute("INSERT INTO statements VALUES (?, 'registration', 'bare', ?, ?)", (registration, said, digest))


def fill(connection: sqlite3.Connection, ordered: Digests, registrations: int = 100) -> None:
    """Claims alone on `uint8[n, 32]`, for looking up: sorted, spread over some registrations."""
    connection.execute("BEGIN IMMEDIATE")
    for part in split(ordered, 1_000_000):
        spread = (np.arange(len(part)) % registrations + 1).tolist()
        connection.executemany("INSERT INTO claims VALUES (?, ?)", zip(to_bytes(part), spread, strict=True))
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    _checkpoint(connection)


def find(connection: sqlite3.Connection, digests: Digests) -> list[tuple[bytes, int]]:
    """The claims on these digests (250,000 at most, SQLite's limit of parameters in Debian), in no order."""
    asked = to_bytes(digests)
    places = ",".join("?" * len(asked))
    return connection.execute(f"SELECT digest, registration FROM claims WHERE digest IN ({places})", asked).fetchall()


def look_up(connection: sqlite3.Connection, batches: list[Digests]) -> float:
    """Seconds to find the claims on all batches `uint8[n, 32]`, one query each."""
    started = perf_counter()
    for batch in batches:
        find(connection, batch)
    return perf_counter() - started
