"""Create the first organization of a new registry and its API key, and give this key to the command line."""

from pathlib import Path
from typing import Literal, NamedTuple, get_args

from firsthand.files import atomic
from firsthand.http import credentials
from firsthand.schemas.organizations import Scope
from service.log import store as log
from service.organizations import store
from service.storage import private_files
from service.storage.api_keys import valid_key
from service.storage.engine import Database

#: The name of the first organization.
FIRST = "local"

ALL_SCOPES = get_args(Scope)

#: The name of the file in the data folder with the first key. Only the user who runs the registry can read it.
FILE = "first-key"


class FirstKey(NamedTuple):
    """The first API key of a new registry, and its organization."""

    organization: str
    api_key: str


class CommandLineKey(NamedTuple):
    """The state of the key that the command line has stored for the address of this registry.

    `state` is `valid` (a valid key of this registry, which belongs to `organization`), `other` (a key that this
    registry does not know, or that was revoked or has expired) or `none` (no key is stored).
    """

    state: Literal["valid", "other", "none"]
    organization: str | None = None


def first_key(database: Database, folder: Path | None) -> FirstKey | None:
    """Create the organization `local` and a key with all scopes, if there is no organization yet.

    Return the key, or None if there is an organization already. If `folder` is given, the key is written into it before
    the commit: otherwise a crash after the commit would lose the only key.
    """
    with database.writes() as session:
        log.lock(session)  # if two services start at the same time, only one of them creates the organization
        if store.page(session, "", 1):
            return None
        store.create(session, FIRST, "The first organization of this registry")
        _, key = store.issue_key(session, FIRST, "first key", ALL_SCOPES)
        if folder is not None:
            private_files.make_folder(folder)
            atomic.write_bytes(folder / FILE, f"{key}\n".encode(), private=True)
    return FirstKey(FIRST, key)


def operator_key(database: Database) -> FirstKey:
    """Create another key with all scopes, for a registry whose operator has lost the last one.

    Whoever calls this has access to the database, and could write the key into it.
    """
    with database.writes() as session:
        _, key = store.issue_key(session, FIRST, "operator key of `firsthand migrate`", ALL_SCOPES)
    return FirstKey(FIRST, key)


def hand_over(database: Database, folder: Path, url: str) -> CommandLineKey:
    """Store the first key for the command line, if the command line has no key for the address `url`.

    A stored key of another registry is not replaced, because it may be the only copy. Return the resulting state.
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
