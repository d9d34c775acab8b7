"""The API key of a request, and the scopes that handlers require."""

from typing import Annotated, NamedTuple

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from service.errors import NotPermitted, Unauthenticated
from service.http.state import shared
from service.http.transactions import DatabaseOf
from service.log.rules import Issuer
from service.settings import Settings
from service.storage.api_keys import known_key
from service.storage.engine import Database


class Caller(NamedTuple):
    """The organization of the API key of a request, and the scopes of the key. `key` is the id of the key."""

    issuer: Issuer
    scopes: frozenset[str]
    key: str


_bearer = HTTPBearer(
    auto_error=False,
    description="An API key. `firsthand serve` creates the first one; `firsthand key create` creates others.",
)


async def _caller(
    database: DatabaseOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller | None:
    """Return the caller of a request, or None if it has no API key.

    The key is checked in a separate query, so that no database connection is held while a body is received.
    """
    if credentials is None:
        return None
    return await run_in_threadpool(_checked, database, credentials.credentials)


def _checked(database: Database, api_key: str) -> Caller:
    stored = known_key(database, api_key)
    if stored is None:
        raise Unauthenticated(
            "This API key is not known to this registry. For the command line, store a valid key with: "
            "firsthand login URL"
        )
    if stored.revoked_at is not None:
        raise Unauthenticated("This API key was revoked. Ask an administrator of the registry for a new key.")
    return Caller(Issuer(stored.organization, stored.name), frozenset(stored.scopes.split()), stored.id)


MaybeCaller = Annotated[Caller | None, Depends(_caller)]


def _require(scope: str, caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthenticated(
            f"This call needs an API key with the scope {scope}. Send the header Authorization: Bearer <key>."
        )
    if scope not in caller.scopes:
        held = ", ".join(sorted(caller.scopes))
        raise NotPermitted(
            f"This call needs the scope {scope}; this API key has only: {held}. "
            "Ask an administrator of the registry for a key with this scope."
        )
    return caller


async def _reader(settings: Annotated[Settings, shared(Settings)], caller: MaybeCaller) -> Caller | None:
    return caller if settings.public_read else _require("read", caller)


async def _writer(caller: MaybeCaller) -> Caller:
    return _require("write", caller)


async def _admin(caller: MaybeCaller) -> Caller:
    return _require("admin", caller)


async def _known(caller: MaybeCaller) -> Caller:
    if caller is None:
        raise Unauthenticated("This call needs an API key. Send the header Authorization: Bearer <key>.")
    return caller


#: A caller that may read. A key is needed only if the setting FIRSTHAND_PUBLIC_READ is false; None means no key.
Reader = Annotated[Caller | None, Depends(_reader)]
#: A caller with the scope write.
Writer = Annotated[Caller, Depends(_writer)]
#: A caller with the scope admin.
Admin = Annotated[Caller, Depends(_admin)]
#: A caller with any valid key.
Known = Annotated[Caller, Depends(_known)]
