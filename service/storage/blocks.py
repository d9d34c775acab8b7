"""Read blocks: the rows that hold the items of registrations. They are written once and never change.

`block_layout` defines which items of a block belong to which registration.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import LargeBinary, func, select
from sqlalchemy.orm import Session

from firsthand.core.digests import SIZE, Digests
from service.storage import tables
from service.storage.block_layout import Ids, RegistrationColumns
from service.storage.engine import Database, is_postgresql, psycopg_connection, sqlite_connection


def read_blocks(session: Session, blocks: Ids, columns: Sequence[str], dense: bool) -> list[tuple[Any, ...]]:
    """Return the rows of the blocks with the ids `blocks`, in no order: (registration, number, digests, …columns).

    If `dense`, return all blocks between the lowest and the highest id, including blocks that are not in `blocks`. For
    ten thousand small blocks with adjacent ids, this takes half the time of looking up each block.
    """
    low, high = int(blocks.min()), int(blocks.max())
    names = ", ".join(("registration", "number", "digests", *columns))
    mark = "%s" if is_postgresql(session) else "?"
    parameters: list[Any]
    if dense:
        where, parameters = f"registration BETWEEN {mark} AND {mark}", [low, high]
    elif is_postgresql(session):
        where, parameters = "registration = ANY(%s)", [blocks.tolist()]
    else:
        where, parameters = f"registration IN ({','.join('?' * len(blocks))})", blocks.tolist()
    statement = f"SELECT {names} FROM blocks WHERE {where}"
    if not is_postgresql(session):
        return sqlite_connection(session).execute(statement, parameters).fetchall()
    # COPY sends row by row, which takes a third of the time of one result of many megabytes
    copied = f"COPY ({statement}) TO STDOUT (FORMAT binary)".encode()
    with psycopg_connection(session).cursor() as cursor, cursor.copy(copied, parameters) as copy:
        copy.set_types(["int8", "int4", "bytea", *("bytea" for _ in columns)])
        return list(copy.rows())


def registration_digests(
    session: Session, registrations: RegistrationColumns, ids: Ids
) -> Iterator[tuple[int, Digests]]:
    """Yield the digests of the registrations `ids`, block by block: (id of the registration, `uint8[n, 32]`).

    `registrations` has the columns block, start and items.
    """
    sharing: dict[int, list[int]] = {}
    for id_, block in zip(ids.tolist(), registrations["block"][ids].tolist(), strict=True):
        sharing.setdefault(block, []).append(id_)
    columns = tables.blocks.c
    query = select(columns.registration, columns.digests).where(columns.registration.in_(sharing))
    for block, joined in session.execute(query.order_by(columns.registration, columns.number)):
        digests = np.frombuffer(joined, dtype=np.uint8).reshape(-1, SIZE)
        for id_ in sharing[block]:
            # a registration with several blocks does not share them, and starts at 0 in each block
            start = int(registrations["start"][id_])
            yield id_, digests[start : start + int(registrations["items"][id_])]


def stream_digests(database: Database, registration: Any) -> Iterator[bytes]:
    """Yield the digests of a registration in order. Each block is read in a separate short transaction.

    `registration` is the row of the registration.
    """
    start, length = 1 + SIZE * registration.start, SIZE * registration.items
    digests = func.substr(tables.blocks.c.digests, start, length, type_=LargeBinary)
    number = 0
    while True:
        with database.reads() as session:
            query = select(digests).filter_by(registration=registration.block, number=number)
            part = session.scalar(query)
        if part is None:
            return
        yield part
        number += 1
