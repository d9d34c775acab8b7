"""The API key of a request, and the scopes that handlers require."""

from typing import Annotated, NamedTuple

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from service.errors import NotPermitted, Unauthenticated
from service.http.state import shared
from service.http.transactions import DatabaseOf
from service.log.rules import Issuer, canonical_time
from service.settings import Settings
from service.storage.api_keys import known_key
from service.storage.engine import Database
from service.storage.key_uses import KeyUses


class Caller(NamedTuple):
    """The caller of a request: its organization, the scopes of its API key, and the id of the key (`key`)."""

    issuer: Issuer
    scopes: frozenset[str]
    key: str


_bearer = HTTPBearer(
    auto_error=False,
    description="An API key. `firsthand serve` creates the first one; `firsthand key create` creates others.",
)


SettingsOf = Annotated[Settings, shared(Settings)]
BearerToken = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def _caller(
    database: DatabaseOf, settings: SettingsOf, uses: Annotated[KeyUses, shared(KeyUses)], credentials: BearerToken
) -> Caller | None:
    """Return the caller of a request, or None if it has no API key.

    The key is checked in a separate query, so that no database connection is held while a body is received.
    """
    if credentials is None:
        return None
    return await run_in_threadpool(_checked, database, uses, settings.public_read, credentials.credentials)


def _checked(database: Database, uses: KeyUses, public_read: bool, api_key: str) -> Caller:
    stored = known_key(database, api_key)
    if stored is None:
        raise Unauthenticated(
            "This API key is not known to this registry. For the command line, store a valid key with: "
            "firsthand login URL"
        )
    if stored.revoked_at is not None:
        raise Unauthenticated("This API key was revoked. Ask an administrator of your organization for a new key.")
    if stored.expires_at is not None and stored.expired():
        raise Unauthenticated(
            f"This API key expired at {canonical_time(stored.expires_at)}. Ask an administrator of your organization "
            "for a new key."
        )
    uses.note(stored)
    scopes = frozenset(stored.scopes.split())
    return Caller(Issuer(stored.organization, stored.name, public_read or "read" in scopes), scopes, stored.id)


MaybeCaller = Annotated[Caller | None, Depends(_caller)]


def _require(caller: Caller | None, *scopes: str) -> Caller:
    """Return the caller if its key has one of these scopes.

    Raises Unauthenticated if there is no key, and NotPermitted if the key has none of the scopes.
    """
    needed = " or ".join(scopes)
    if caller is None:
        raise Unauthenticated(
            f"This call needs an API key with the scope {needed}. Send the header Authorization: Bearer <key>."
        )
    if caller.scopes.isdisjoint(scopes):
        held = ", ".join(sorted(caller.scopes))
        raise NotPermitted(
            f"This call needs the scope {needed}; this API key has only: {held}. "
            "Ask an administrator of your organization for a key with this scope."
        )
    return caller


async def _reader(settings: SettingsOf, caller: MaybeCaller) -> Caller | None:
    return caller if settings.public_read else _require(caller, "read")


async def _writer(caller: MaybeCaller) -> Caller:
    return _require(caller, "write")


async def _admin(caller: MaybeCaller) -> Caller:
    return _require(caller, "admin", "operator")


async def _operator(caller: MaybeCaller) -> Caller:
    return _require(caller, "operator")


async def _known(caller: MaybeCaller) -> Caller:
    if caller is None:
        raise Unauthenticated("This call needs an API key. Send the header Authorization: Bearer <key>.")
    return caller


async def _api_key(credentials: BearerToken) -> str:
    return "" if credentials is None else credentials.credentials


#: A caller that may read. None means that the request has no key, which is allowed if FIRSTHAND_PUBLIC_READ is true.
Reader = Annotated[Caller | None, Depends(_reader)]
#: A caller with the scope write.
Writer = Annotated[Caller, Depends(_writer)]
#: A caller that manages keys. The scope admin is for the keys of its own organization, the scope operator for all keys.
Admin = Annotated[Caller, Depends(_admin)]
#: A caller with the scope operator.
Operator = Annotated[Caller, Depends(_operator)]
#: A caller with any valid key.
Known = Annotated[Caller, Depends(_known)]
#: The whole API key of the request. Never store it, and never write it into a log.
WholeKey = Annotated[str, Depends(_api_key)]
