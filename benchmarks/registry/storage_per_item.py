"""What an item costs the database as the registry grows: bytes on disk, and the rates of writing and looking up.

    python -m benchmarks.registry.storage_per_item [--items 4000000] [--partitions 1 8 16]
        [--database sqlite|postgresql|both]

Claims and blocks are written by the service's own functions, 50,000 items a transaction, sorted, with fsync; look-ups
are of 10,000 digests, half of them held. On PostgreSQL once for each number of partitions; all in turn, batch by batch,
and medians. No HTTP and no statement: what is measured is the part that grows. `docs/growing.md` has the sums.
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
import psycopg
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from benchmarks.bare.postgresql import database as postgresql_database
from benchmarks.harness.serving import served
from firsthand.core.digests import Digests, sort_unique, to_bytes, to_text
from firsthand.schemas.registrations import NewStatement
from service.settings import Settings
from service.storage import migrate, tables
from service.storage.bulk import insert_claims, rows_by_digest
from service.storage.engine import Database

BATCH, ASKED, SINGLES, ROUNDS, STATEMENTS = 50_000, 10_000, 100, 9, 5_000


@dataclass(frozen=True)
class Cost:
    """Of one database at the end: items a second, and bytes an item."""

    write_first: float
    write_last: float
    look_up: float
    single: float
    claims: float
    index: float
    blocks: float


class Filled:
    """A new database that is filled and looked up in, and how long each took."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self._embedded = name, settings.embedded
        migrate.upgrade(settings)
        self.database = Database(settings)
        self._wrote, self._looked, self._asked = list[float](), list[float](), list[float]()

    def write(self, digests: Digests) -> None:
        self._wrote.append(_write(self.database, len(self._wrote) + 1, digests))

    def look_up(self, digests: Sequence[bytes]) -> None:
        self._looked.append(_look_up(self.database, digests))
        self._asked += [_look_up(self.database, [digest]) for digest in digests[:SINGLES]]

    def cost(self, items: int) -> Cost:
        quarter = max(len(self._wrote) // 4, 1)
        first, last = (BATCH / median(part) for part in (self._wrote[:quarter], self._wrote[-quarter:]))
        with self.database.writes() as session:
            return Cost(
                first,
                last,
                ASKED / median(self._looked),
                1 / median(self._asked),
                *_sizes(session, self._embedded, items),
            )


def measure(databases: Sequence[Filled], items: Digests) -> list[Cost]:
    """Fill each with `uint8[n, 32]` and look up in it: in turn, batch by batch, so that a busy moment is all theirs."""
    for batch in _batches(items):
        for each in databases:
            each.write(batch)
    for each in databases:
        _settle(each.database)
    for asked in _half_known(items):
        for each in databases:
            each.look_up(asked)
    return [each.cost(len(items)) for each in databases]


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
    assert len(found) > 0.4 * len(digests) or len(digests) == 1
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


def statement_bytes() -> float:
    """Bytes that a registration takes itself: of the log, of its row, with their indexes."""
    with postgresql_database() as url, served(url) as (client, _):
        client.put_dataset("local/d")
        new = np.random.default_rng(2).integers(0, 256, (STATEMENTS, 32), dtype=np.uint8)
        texts = [to_text(digest) for digest in to_bytes(new)]
        client.register_batch([NewStatement(dataset="local/d", origin="human", digests=[text]) for text in texts])
        with psycopg.connect(url) as connection:
            query = "SELECT pg_total_relation_size('statements') + pg_total_relation_size('registrations')"
            row = connection.execute(query).fetchone()
    assert row is not None
    return float(row[0]) / STATEMENTS


def show(name: str, cost: Cost) -> None:
    rates = f"{cost.write_first:10,.0f} {cost.write_last:10,.0f} {cost.look_up:10,.0f} {cost.single:8,.0f}"
    print(f"{name:20} {rates}   {cost.claims:14.1f} {cost.index:6.1f} {cost.blocks:6.1f}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=4_000_000)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    given = parser.parse_args(arguments)
    items = np.random.default_rng(0).integers(0, 256, (given.items, 32), dtype=np.uint8)
    print(
        f"{given.items:,} items. Items/s written, first and last quarter; digests/s looked up, {ASKED:,} at once and 1"
    )
    print(f"{'':20} {'first':>10} {'last':>10} {'look up':>10} {'single':>8}   bytes an item: claims, index, blocks")
    with ExitStack() as stack:
        filled = []
        if given.database != "postgresql":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            filled.append(Filled("sqlite", Settings(data_dir=Path(folder), database_url=None)))
        for number in given.partitions if given.database != "sqlite" else ():
            url = stack.enter_context(postgresql_database())
            filled.append(Filled(f"postgresql, {number} part.", Settings(database_url=url, claim_partitions=number)))
        for each in filled:
            stack.callback(each.database.close)
        for each, cost in zip(filled, measure(filled, items), strict=True):
            show(each.name, cost)
    if given.database != "sqlite":
        print(f"postgresql, beside its items a registration takes {statement_bytes():,.0f} bytes")


if __name__ == "__main__":
    main()
