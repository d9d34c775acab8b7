"""The first organization of a new registry, its API key, and how the command line gets that key."""

from pathlib import Path
from typing import Literal, NamedTuple

from firsthand.files import atomic
from firsthand.http import credentials
from service.log import store as log
from service.organizations import store
from service.storage import private_files
from service.storage.api_keys import valid_key
from service.storage.engine import Database

FIRST = "local"

#: A file in the data folder, readable only by its owner. It keeps the first key, whatever the command line stores.
FILE = "first-key"


class FirstKey(NamedTuple):
    """The API key that a new registry begins with."""

    organization: str
    api_key: str


class CommandLineKey(NamedTuple):
    """The key that the command line has stored for an address.

    `state` is `valid` (a key of this registry, of `organization`), `other` (a key that this registry does not know or
    that was revoked or has expired) or `none`.
    """

    state: Literal["valid", "other", "none"]
    organization: str | None = None


def first_key(database: Database, folder: Path | None) -> FirstKey | None:
    """Create the organization `local` with a key of all scopes, if there is no organization yet.

    The key is written into `folder`, if one is given, before it is committed: a key that nobody has is of no use.
    """
    with database.writes() as session:
        log.lock(session)  # if two services start at once, only one creates it
        if store.page(session, "", 1):
            return None
        store.create(session, FIRST, "The first organization of this registry")
        _, key = store.issue_key(session, FIRST, "first key", ["read", "write", "admin", "operator"])
        if folder is not None:
            private_files.make_folder(folder)
            atomic.write_bytes(folder / FILE, f"{key}\n".encode(), private=True)
    return FirstKey(FIRST, key)


def hand_over(database: Database, folder: Path, url: str) -> CommandLineKey:
    """Store the first key for the command line under this address, if the command line has no key for it.

    A stored key of another registry is not replaced: it may be the only copy. Returns what the command line has then.
    """
    stored = credentials.load().registries.get(credentials.normalize(url))
    if stored is not None:
        opened = valid_key(database, stored.api_key)
        return CommandLineKey("other") if opened is None else CommandLineKey("valid", opened.name)
    if not (folder / FILE).exists():
        return CommandLineKey("none")
    key = (folder / FILE).read_text().strip()
    opened = valid_key(database, key)
    if opened is None:
        return CommandLineKey("none")
    credentials.store(url, opened.name, key)
    return CommandLineKey("valid", opened.name)
