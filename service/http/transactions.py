"""The database and its transactions, as dependencies of handlers.

Each request has one transaction. Only `Database.reads` and `Database.writes` begin and end it. With `scope="function"`,
the transaction ends before the answer is sent. With FastAPI's default scope, the answer would be sent before the
commit, so a request would get status 200 even if its commit fails.
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from service.http.state import shared
from service.storage.engine import Database

DatabaseOf = Annotated[Database, shared(Database)]


def _reads(database: DatabaseOf) -> Iterator[Session]:
    with database.reads() as session:
        yield session


def _writes(database: DatabaseOf) -> Iterator[Session]:
    with database.writes() as session:
        yield session


#: A session whose transaction only reads.
Reads = Annotated[Session, Depends(_reads, scope="function")]
#: A session whose transaction writes. It is committed before the answer is sent.
Writes = Annotated[Session, Depends(_writes, scope="function")]
