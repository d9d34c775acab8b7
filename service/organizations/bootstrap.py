"""The first organization of a new registry, and its key."""

from pathlib import Path
from typing import NamedTuple

from firsthand import credentials
from service.database import Database
from service.log import store as log
from service.organizations import store

FIRST = "local"


class FirstKey(NamedTuple):
    """The key that a new registry begins with, and where it was stored for the command line."""

    organization: str
    api_key: str
    path: Path | None


def first_key(database: Database, url: str | None) -> FirstKey | None:
    """Create the organization `local` with a key of all scopes, unless there are organizations.

    The key is stored for the command line under `url`, before it is committed: a key that nobody has is of no use.
    """
    with database.writes() as session:
        log.lock(session)  # of two services that start at once, one creates it
        if store.page(session, "", 1):
            return None
        store.create(session, FIRST, "The first organization of this registry")
        _, key = store.issue_key(session, FIRST, "first key", ["read", "write", "admin"])
        path = credentials.store(url, FIRST, key) if url else None
    return FirstKey(FIRST, key, path)
