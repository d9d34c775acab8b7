"""The first organization of a new registry, its key, and how the command line comes to have it."""

import os
from pathlib import Path
from typing import NamedTuple

from firsthand.http import credentials
from service.log import store as log
from service.organizations import store
from service.storage.engine import Database

FIRST = "local"

#: In the data folder, readable by its owner alone: the key stays, whatever else is stored for the same address.
FILE = "first-key"


class FirstKey(NamedTuple):
    """The key that a new registry begins with."""

    organization: str
    api_key: str


def first_key(database: Database, folder: Path | None) -> FirstKey | None:
    """Create the organization `local` with a key of all scopes, unless there are organizations.

    The key is written into the folder, where one is given, before it is committed: a key that nobody has is of no use.
    """
    with database.writes() as session:
        log.lock(session)  # of two services that start at once, one creates it
        if store.page(session, "", 1):
            return None
        store.create(session, FIRST, "The first organization of this registry")
        _, key = store.issue_key(session, FIRST, "first key", ["read", "write", "admin"])
        if folder is not None:
            _write(folder / FILE, key)
    return FirstKey(FIRST, key)


def hand_over(database: Database, folder: Path, url: str) -> bool:
    """Store the first key for the command line under this address, unless there is one that opens this registry.

    False where the command line has the key of another registry for this address: that may be the only copy.
    """
    if not (folder / FILE).exists():
        return True
    key = (folder / FILE).read_text().strip()
    known = credentials.load().registries.get(credentials.normalize(url))
    opens = store.key_that_opens(database, key if known is None else known.api_key)
    if known is None and opens is not None:
        credentials.store(url, opens.name, key)
    return known is None or opens is not None


def _write(file: Path, key: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # of a start that was killed before it committed
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(key + "\n")
