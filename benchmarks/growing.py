"""What an item costs the database as the registry grows: bytes on disk, and the rates of writing and looking up.

    python -m benchmarks.growing [--items 4000000] [--partitions 1 8 16] [--database sqlite|postgresql|both]

Claims and blocks are written by the service's own functions, 50,000 items a transaction, sorted, with fsync; look-ups
are of 10,000 digests, half of them held, the median of nine. On PostgreSQL once for each number of partitions. No HTTP
and no statement: what is measured is the part that grows. `docs/growing.md` has the sums.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from benchmarks.serving import postgresql
from firsthand.digests import Digests, sort_unique, to_bytes
from service import migrate, tables
from service.database import Database, insert_claims, rows_by_digest
from service.settings import Settings

BATCH, ASKED, ROUNDS = 50_000, 10_000, 9


@dataclass(frozen=True)
class Cost:
    """Of one database at the end: items a second, and bytes an item."""

    write_first: float
    write_last: float
    look_up: float
    claims: float
    index: float
    blocks: float


def measure(settings: Settings, items: Digests) -> Cost:
    """Fill a new database with `uint8[n, 32]`, and look up in it."""
    migrate.upgrade(settings)
    database = Database(settings)
    try:
        took = [_write(database, number, part) for number, part in enumerate(_batches(items), 1)]
        _settle(database)
        quarter = max(len(took) // 4, 1)
        rates = [BATCH * quarter / sum(part) for part in (took[:quarter], took[-quarter:])]
        asked = _half_known(items)
        looked = median([_look_up(database, each) for each in asked])
        with database.writes() as session:
            sizes = _sizes(session, settings.embedded, len(items))
        return Cost(rates[0], rates[1], ASKED / looked, *sizes)
    finally:
        database.close()


def _batches(items: Digests) -> Iterator[Digests]:
    for start in range(0, len(items), BATCH):
        yield sort_unique(items[start : start + BATCH])[0]


def _write(database: Database, registration: int, digests: Digests) -> float:
    started = perf_counter()
    with database.writes() as session:
        insert_claims(session, digests, registration)
        block = {"registration": registration, "number": 0, "digests": digests.tobytes()}
        session.execute(insert(tables.blocks).values(**block))
    return perf_counter() - started


def _settle(database: Database) -> None:
    """As autovacuum leaves a table, and without what is still to be written."""
    postgresql = database.engine.dialect.name == "postgresql"
    statements = ["VACUUM ANALYZE claims", "VACUUM ANALYZE blocks", "CHECKPOINT"]
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements if postgresql else ["PRAGMA wal_checkpoint(TRUNCATE)"]:
            connection.exec_driver_sql(statement)


def _half_known(items: Digests) -> list[list[bytes]]:
    random = np.random.default_rng(1)
    asked = []
    for _ in range(ROUNDS):
        held = items[random.integers(0, len(items), ASKED // 2)]
        new = random.integers(0, 256, (ASKED // 2, 32), dtype=np.uint8)
        asked.append(to_bytes(sort_unique(np.concatenate([held, new]))[0]))
    return asked


def _look_up(database: Database, digests: Sequence[bytes]) -> float:
    started = perf_counter()
    with database.reads() as session:
        found = rows_by_digest(session, tables.claims, digests)
    assert len(found) > 0.4 * ASKED
    return perf_counter() - started


def _sizes(session: Session, embedded: bool, items: int) -> tuple[float, float, float]:
    """Bytes an item: claims, their index, blocks."""
    if embedded:  # one tree is both table and index; what a table took is free once it is emptied
        session.execute(delete(tables.claims))
        claims = session.scalar(text("PRAGMA freelist_count")) or 0
        session.execute(delete(tables.blocks))
        blocks = (session.scalar(text("PRAGMA freelist_count")) or 0) - claims
        return 4096 * claims / items, 0.0, 4096 * blocks / items

    def size(function: str, table: str) -> float:
        """Of a table with its partitions."""
        query = f"SELECT sum({function}(oid)) FROM pg_class WHERE relname ~ '^{table}(_[0-9]+)?$' AND relkind = 'r'"
        return float(session.scalar(text(query)) or 0) / items

    return size("pg_table_size", "claims"), size("pg_indexes_size", "claims"), size("pg_total_relation_size", "blocks")


def show(name: str, cost: Cost) -> None:
    print(
        f"{name:24} {cost.write_first:11,.0f} {cost.write_last:11,.0f} {cost.look_up:11,.0f}"
        f" {cost.claims:8.1f} {cost.index:8.1f} {cost.blocks:8.1f}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=4_000_000)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args(arguments)
    items = np.random.default_rng(0).integers(0, 256, (given.items, 32), dtype=np.uint8)
    print(f"{given.items:,} items; write: items/s, first and last quarter; look up: digests/s; then bytes an item")
    print(f"{'':24} {'write 1st':>11} {'write last':>11} {'look up':>11} {'claims':>8} {'index':>8} {'blocks':>8}")
    if given.database != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            show("sqlite", measure(Settings(data_dir=Path(folder), database_url=None), items))
    for partitions in given.partitions if given.database != "sqlite" else ():
        with ExitStack() as stack:
            url = stack.enter_context(postgresql())
            settings = Settings(database_url=url, claim_partitions=partitions)
            show(f"postgresql, {partitions:3} part.", measure(settings, items))


if __name__ == "__main__":
    main()
