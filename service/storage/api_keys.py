"""API keys: their format, and the check of the key of a request.

A key has the format `fh_<id>_<secret>`, where the secret has 256 random bits. Only the SHA-256 of the secret is stored.
To check a key, the service looks up the id and compares this hash.
"""

import hmac
import secrets
from hashlib import sha256
from typing import NamedTuple

from service.storage.engine import Database

_PREFIX = "fh_"


class NewApiKey(NamedTuple):
    """A new key: its id, the whole key, and the hash of its secret, which is stored."""

    id: str
    key: str
    secret_hash: bytes


class StoredKey(NamedTuple):
    """The stored row of a key. `organization` is an id, `name` the name of this organization."""

    id: str
    organization: int
    name: str
    scopes: str
    secret: bytes
    revoked_at: int | None


def new_key() -> NewApiKey:
    """Return a new random key."""
    id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return NewApiKey(id_, f"{_PREFIX}{id_}_{secret}", sha256(secret.encode()).digest())


def known_key(database: Database, api_key: str) -> StoredKey | None:
    """Return the stored row of a key, which may be revoked; None if the key is not known.

    It is called for every request with a key. It compares a hash even if the id does not exist, so that an attacker
    cannot find ids by measuring the time.
    """
    id_, _, secret = api_key.removeprefix(_PREFIX).partition("_")
    rows = database.ask(
        "SELECT keys.id, keys.organization, organizations.name, keys.scopes, keys.secret, keys.revoked_at"
        " FROM keys JOIN organizations ON organizations.id = keys.organization WHERE keys.id = ?",
        [id_],
    )
    stored_hash = rows[0][4] if rows else bytes(32)
    same = hmac.compare_digest(stored_hash, sha256(secret.encode("utf-8", "surrogatepass")).digest())
    return StoredKey(*rows[0]) if rows and same else None


def valid_key(database: Database, api_key: str) -> StoredKey | None:
    """Return the stored row of a key, or None if the key is not known or is revoked."""
    stored = known_key(database, api_key)
    return stored if stored is not None and stored.revoked_at is None else None
