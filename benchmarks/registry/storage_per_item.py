"""Measure the cost of an item while the registry grows: bytes on disk, and the rates of writes and look-ups.

    python -m benchmarks.registry.storage_per_item [--items 4000000] [--partitions 1 8 16]
        [--database sqlite|postgresql|both]

Claims and blocks are written by the functions of the service: 50,000 items per transaction, sorted, with fsync. A
look-up has 10,000 digests, half of them known. PostgreSQL is measured once per number of partitions. All databases are
measured in turn, batch by batch, and medians are printed. Only the tables that grow with items are measured, without
HTTP and without statements. `docs/explanation/growing.md` explains the results.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import psycopg
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from benchmarks.bare.inputs import half_known
from benchmarks.bare.postgresql import database as postgresql_database
from benchmarks.harness.served_registry import client_of_empty
from firsthand.core.digests import Digests, sort_unique, to_bytes, to_text
from firsthand.schemas.registrations import NewStatement
from service.settings import Settings
from service.storage import migrate, tables
from service.storage.bulk import insert_claims, rows_by_digest
from service.storage.engine import Database

BATCH, LOOKUP_BATCH, SINGLES, ROUNDS, STATEMENTS = 50_000, 10_000, 100, 9, 5_000


@dataclass(frozen=True)
class StorageCost:
    """The cost in one filled database: items per second, and bytes per item."""

    write_first: float
    write_last: float
    look_up: float
    single: float
    claims: float
    index: float
    blocks: float


class MeasuredDatabase:
    """A new database, with the seconds of each batch that was written and looked up."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self._embedded = name, settings.embedded
        migrate.upgrade(settings)
        self.database = Database(settings)
        self._write_seconds, self._lookup_seconds, self._single_seconds = list[float](), list[float](), list[float]()

    def write(self, digests: Digests) -> None:
        self._write_seconds.append(_write(self.database, len(self._write_seconds) + 1, digests))

    def look_up(self, digests: Sequence[bytes]) -> None:
        self._lookup_seconds.append(_look_up(self.database, digests))
        self._single_seconds += [_look_up(self.database, [digest]) for digest in digests[:SINGLES]]

    def cost(self, items: int) -> StorageCost:
        quarter = max(len(self._write_seconds) // 4, 1)
        first, last = (BATCH / median(part) for part in (self._write_seconds[:quarter], self._write_seconds[-quarter:]))
        with self.database.writes() as session:
            return StorageCost(
                first,
                last,
                LOOKUP_BATCH / median(self._lookup_seconds),
                1 / median(self._single_seconds),
                *_sizes(session, self._embedded, items),
            )


def measure(databases: Sequence[MeasuredDatabase], items: Digests) -> list[StorageCost]:
    """Write `uint8[n, 32]` to all databases, and look up digests in them.

    The databases are used in turn, so that a busy machine slows all of them equally.
    """
    for start in range(0, len(items), BATCH):
        batch = sort_unique(items[start : start + BATCH])[0]
        for measured in databases:
            measured.write(batch)
    for measured in databases:
        _vacuum(measured.database)
    for batch in half_known(items, LOOKUP_BATCH, ROUNDS, np.random.default_rng(1)):
        digests = to_bytes(sort_unique(batch)[0])
        for measured in databases:
            measured.look_up(digests)
    return [measured.cost(len(items)) for measured in databases]


def _write(database: Database, registration: int, digests: Digests) -> float:
    started = perf_counter()
    with database.writes() as session:
        insert_claims(session, digests, registration)
        block = {"registration": registration, "number": 0, "digests": digests.tobytes()}
        session.execute(insert(tables.blocks).values(**block))
    return perf_counter() - started


def _vacuum(database: Database) -> None:
    """Vacuum the tables, as autovacuum would do later, and write all pages to disk."""
    postgresql = database.engine.dialect.name == "postgresql"
    statements = ["VACUUM ANALYZE claims", "VACUUM ANALYZE blocks", "CHECKPOINT"]
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements if postgresql else ["PRAGMA wal_checkpoint(TRUNCATE)"]:
            connection.exec_driver_sql(statement)


def _look_up(database: Database, digests: Sequence[bytes]) -> float:
    started = perf_counter()
    with database.reads() as session:
        claims = rows_by_digest(session, tables.claims, digests)
    assert len(claims) > 0.4 * len(digests) or len(digests) == 1
    return perf_counter() - started


def _sizes(session: Session, embedded: bool, items: int) -> tuple[float, float, float]:
    """Return the bytes per item of claims, of the index on claims, and of blocks."""
    if embedded:  # SQLite has one tree for table and index; if all rows are deleted, the pages of a table become free
        session.execute(delete(tables.claims))
        claims = session.scalar(text("PRAGMA freelist_count")) or 0
        session.execute(delete(tables.blocks))
        blocks = (session.scalar(text("PRAGMA freelist_count")) or 0) - claims
        return 4096 * claims / items, 0.0, 4096 * blocks / items

    def size(function: str, table: str) -> float:
        """Return the bytes per item of a table with its partitions."""
        query = f"SELECT sum({function}(oid)) FROM pg_class WHERE relname ~ '^{table}(_[0-9]+)?$' AND relkind = 'r'"
        return float(session.scalar(text(query)) or 0) / items

    return size("pg_table_size", "claims"), size("pg_indexes_size", "claims"), size("pg_total_relation_size", "blocks")


def statement_bytes() -> float:
    """Return the bytes of a registration without its items: its statement and its row, with their indexes."""
    with postgresql_database() as url, client_of_empty(url) as client:
        client.put_dataset("local/d")
        new = np.random.default_rng(2).integers(0, 256, (STATEMENTS, 32), dtype=np.uint8)
        texts = [to_text(digest) for digest in to_bytes(new)]
        client.register_batch([NewStatement(dataset="local/d", origin="human", digests=[text]) for text in texts])
        with psycopg.connect(url) as connection:
            query = "SELECT pg_total_relation_size('statements') + pg_total_relation_size('registrations')"
            row = connection.execute(query).fetchone()
    assert row is not None
    return float(row[0]) / STATEMENTS


def print_cost(name: str, cost: StorageCost) -> None:
    rates = f"{cost.write_first:10,.0f} {cost.write_last:10,.0f} {cost.look_up:10,.0f} {cost.single:8,.0f}"
    print(f"{name:20} {rates}   {cost.claims:14.1f} {cost.index:6.1f} {cost.blocks:6.1f}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.registry.storage_per_item",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--items", type=int, default=4_000_000, help="items to write; default: 4000000")
    parser.add_argument(
        "--partitions",
        type=int,
        nargs="+",
        default=[1, 8, 16],
        help="numbers of partitions on PostgreSQL; default: 1 8 16",
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both", help="default: both")
    options = parser.parse_args(arguments)
    items = np.random.default_rng(0).integers(0, 256, (options.items, 32), dtype=np.uint8)
    print(
        f"{options.items:,} items. Items per second written, first and last quarter;"
        f" digests per second looked up, {LOOKUP_BATCH:,} per query and 1 per query; bytes per item."
    )
    print(
        f"{'':20} {'first':>10} {'last':>10} {'look up':>10} {'single':>8}   {'claims':>14} {'index':>6} {'blocks':>6}"
    )
    with ExitStack() as stack:
        databases = []
        if options.database != "postgresql":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            databases.append(MeasuredDatabase("sqlite", Settings(data_dir=Path(folder), database_url=None)))
        for number in options.partitions if options.database != "sqlite" else ():
            url = stack.enter_context(postgresql_database())
            databases.append(
                MeasuredDatabase(f"postgresql, {number} part.", Settings(database_url=url, claim_partitions=number))
            )
        for measured in databases:
            stack.callback(measured.database.close)
        for measured, cost in zip(databases, measure(databases, items), strict=True):
            print_cost(measured.name, cost)
    if options.database != "sqlite":
        print(f"postgresql: a registration takes {statement_bytes():,.0f} bytes in addition to its items")


if __name__ == "__main__":
    main()
