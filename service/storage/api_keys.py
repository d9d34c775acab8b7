"""API keys: their format, and the check of the key of a request.

A key has the format `fh_<id>_<secret>`, where the secret has 256 random bits. Only the SHA-256 of the secret is stored.
To check a key, the service looks up the id and compares this hash.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import NamedTuple

from service.storage.engine import Database, now

_PREFIX = "fh_"


class NewApiKey(NamedTuple):
    """A new key: its id, the whole key, and the hash of its secret, which is stored."""

    id: str
    key: str
    secret_hash: bytes


class StoredKey(NamedTuple):
    """The stored row of a key. `organization` is the id of its organization, `name` the name of this organization."""

    id: str
    organization: int
    name: str
    scopes: str
    secret: bytes
    revoked_at: int | None
    expires_at: int | None
    last_used_at: int | None

    def expired(self) -> bool:
        """Return whether the key has expired."""
        return self.expires_at is not None and self.expires_at <= now()


def new_key() -> NewApiKey:
    """Return a new random key."""
    return _key(secrets.token_hex(6), secrets.token_urlsafe(32))


def derived_key(id_: str, api_key: str, salt: bytes) -> NewApiKey:
    """Return the key with this id whose secret is computed from another API key and a random salt.

    The same arguments give the same key. So an answer with a new key can be sent again, although its secret is not
    stored: it needs the salt, which is stored, and the caller's own key, of which only a hash is stored.
    """
    _, _, own_secret = api_key.removeprefix(_PREFIX).partition("_")
    derived = hmac.digest(own_secret.encode(), b"firsthand api key v1\n" + id_.encode() + salt, "sha256")
    return _key(id_, urlsafe_b64encode(derived).rstrip(b"=").decode())


def _key(id_: str, secret: str) -> NewApiKey:
    return NewApiKey(id_, f"{_PREFIX}{id_}_{secret}", sha256(secret.encode()).digest())


def known_key(database: Database, api_key: str) -> StoredKey | None:
    """Return the stored row of a key. Return None if the key is not known. A known key can be revoked or expired.

    This is called for every request with a key. It compares a hash even if the id does not exist, so that an attacker
    cannot find ids by measuring the time.
    """
    id_, _, secret = api_key.removeprefix(_PREFIX).partition("_")
    rows = database.ask(
        "SELECT keys.id, keys.organization, organizations.name, keys.scopes, keys.secret, keys.revoked_at,"
        " keys.expires_at, keys.last_used_at"
        " FROM keys JOIN organizations ON organizations.id = keys.organization WHERE keys.id = ?",
        [id_],
    )
    stored_hash = rows[0][4] if rows else bytes(32)
    same = hmac.compare_digest(stored_hash, sha256(secret.encode("utf-8", "surrogatepass")).digest())
    return StoredKey(*rows[0]) if rows and same else None


def valid_key(database: Database, api_key: str) -> StoredKey | None:
    """Return the stored row of a key, or None if the key is not known, is revoked or has expired."""
    stored = known_key(database, api_key)
    return stored if stored is not None and stored.revoked_at is None and not stored.expired() else None
