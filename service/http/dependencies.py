"""What a handler is given: who calls, a session, a spooled body, an answer that is given once.

One request, one transaction, begun and ended by `Database.reads` and `writes` alone. `scope="function"` ends it before
the answer is sent; with FastAPI's default a commit that fails would already have been answered with 200.

What asks no database is `async`: anything else FastAPI hands to a worker thread, at a twentieth of a millisecond each.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy import text, update
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from service.claims.catalog import Catalog
from service.errors import Busy, Forbidden, Unauthorized, Unprocessable
from service.http.middleware import Metrics
from service.http.paging import Paging, decode
from service.log.rules import Speaker
from service.organizations import store as organizations
from service.registrations.bodies import JSON, NDJSON, RAW
from service.settings import Settings
from service.storage import tables
from service.storage.engine import Database, now

_IN_MEMORY = 2**20
_SMALL = 2**16


async def settings(request: Request) -> Settings:
    return request.app.state.settings  # type: ignore[no-any-return]


async def database(request: Request) -> Database:
    return request.app.state.database  # type: ignore[no-any-return]


async def catalog(request: Request) -> Catalog:
    return request.app.state.catalog  # type: ignore[no-any-return]


async def metrics(request: Request) -> Metrics:
    return request.app.state.metrics  # type: ignore[no-any-return]


DatabaseOf = Annotated[Database, Depends(database)]
CatalogOf = Annotated[Catalog, Depends(catalog)]
MetricsOf = Annotated[Metrics, Depends(metrics)]


def _reads(database: DatabaseOf) -> Iterator[Session]:
    with database.reads() as session:
        yield session


def _writes(database: DatabaseOf) -> Iterator[Session]:
    with database.writes() as session:
        yield session


Reads = Annotated[Session, Depends(_reads, scope="function")]
Writes = Annotated[Session, Depends(_writes, scope="function")]


class Caller(NamedTuple):
    """Who holds the key of a request. `key` is its id."""

    speaker: Speaker
    scopes: frozenset[str]
    key: str


_bearer = HTTPBearer(auto_error=False, description="An API key: `firsthand key create`, or the first one of `serve`.")


async def _caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller | None:
    """The key is checked by a question of its own: no connection is held while a body is received."""
    if credentials is None:
        return None
    return await run_in_threadpool(_checked, await database(request), credentials.credentials)


def _checked(database: Database, api_key: str) -> Caller:
    found = organizations.known_key(database, api_key)
    if found is None:
        raise Unauthorized("This key is not known here; `firsthand login URL` stores one for the command line.")
    if found.revoked_at is not None:
        raise Unauthorized("This key has been revoked; ask an administrator of the registry for another.")
    return Caller(Speaker(found.organization, found.name), frozenset(found.scopes.split()), found.id)


MaybeCaller = Annotated[Caller | None, Depends(_caller)]


def _needs(scope: str, caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthorized(f"This call needs a key with the scope {scope}: Authorization: Bearer <key>.")
    if scope not in caller.scopes:
        raise Forbidden(f"This key has the scopes {', '.join(sorted(caller.scopes))}; this call needs {scope}.")
    return caller


async def _reader(request: Request, caller: MaybeCaller) -> Caller | None:
    return caller if (await settings(request)).public_read else _needs("read", caller)


async def _writer(caller: MaybeCaller) -> Caller:
    return _needs("write", caller)


async def _admin(caller: MaybeCaller) -> Caller:
    return _needs("admin", caller)


async def _known(caller: MaybeCaller) -> Caller:
    if caller is None:
        raise Unauthorized("This call says whose key it was given, and it was given none.")
    return caller


Reader = Annotated[Caller | None, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
Admin = Annotated[Caller, Depends(_admin)]
Known = Annotated[Caller, Depends(_known)]


class Spooled(NamedTuple):
    """A bulk body in a temporary file: what its content type says, its bytes, and their SHA-256."""

    media_type: str
    file: "SpooledTemporaryFile[bytes]"
    digest: bytes


async def _spooled(request: Request, writer: Writer) -> AsyncIterator[Spooled]:
    """Receive a bulk body before any connection is taken: slow uploads would else exhaust the pool.

    Large bodies are bounded in number; a small one costs no more than any other request.
    """
    announced = request.headers.get("content-length", "")
    # what is compressed may be much larger than it looks
    plain = media_type(request) in (JSON, NDJSON, RAW)
    small = plain and announced.isdigit() and int(announced) <= _SMALL
    slots = request.app.state.bulk_slots
    if not small and slots.locked():
        raise Busy("All places for bulk bodies are taken; send this one again in a moment.")
    async with nullcontext() if small else slots:
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            digest = sha256()
            async for chunk in request.stream():
                digest.update(chunk)
                file.write(chunk)
            file.seek(0)
            yield Spooled(media_type(request), file, digest.digest())


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


Body = Annotated[Spooled, Depends(_spooled, scope="function")]

_IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and body give the same answer; with another body, 422.",
    ),
]


class Once:
    """Answers a write once: under an `Idempotency-Key`, the same question again gets the stored answer."""

    def __init__(self, session: Session, caller: Caller, request: Request, key: str | None, body: bytes) -> None:
        self._session = session
        self._place = {"organization": caller.speaker.id, "route": request.url.path, "key": key}
        asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        self._request = sha256(asked + body).digest()

    def answer(self, status: int, work: Callable[[], BaseModel]) -> Response:
        """The answer of `work`, or the one that it gave before. Stored in the same transaction as the work."""
        if self._place["key"] is None:
            return _json(status, work().model_dump_json().encode())
        if not self._reserve():
            return self._stored()
        body = work().model_dump_json().encode()
        self._session.execute(
            update(tables.answers).filter_by(**self._place).values(status=status, body=body, answered_at=now())
        )
        return _json(status, body)

    def _reserve(self) -> bool:
        """Take the key. A second request with it waits here until the first one's transaction ends."""
        statement = text(
            "INSERT INTO answers (organization, route, key, request, answered_at)"
            " VALUES (:organization, :route, :key, :request, :at) ON CONFLICT DO NOTHING"
        )
        values = {**self._place, "request": self._request, "at": now()}
        return bool(self._session.execute(statement, values).rowcount)  # type: ignore[attr-defined]

    def _stored(self) -> Response:
        query = tables.answers.select().filter_by(**self._place)
        row = self._session.execute(query).one()
        if row.request != self._request:
            raise Unprocessable.at("Idempotency-Key", "this key was used before, for another request")
        return _json(row.status, row.body)


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, media_type="application/json")


async def _once(request: Request, session: Writes, caller: Known, idempotency_key: _IdempotencyKey = None) -> Once:
    """The scope is for the route to ask: an administrator writes without the scope write."""
    return Once(session, caller, request, idempotency_key, sha256(await request.body()).digest())


async def _once_bulk(
    request: Request, body: Body, session: Writes, caller: Writer, idempotency_key: _IdempotencyKey = None
) -> Once:
    return Once(session, caller, request, idempotency_key, body.digest)


OnceOf = Annotated[Once, Depends(_once)]
OnceBulk = Annotated[Once, Depends(_once_bulk)]


async def _paging(
    cursor: Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Paging:
    return Paging(decode(cursor), limit)


Pages = Annotated[Paging, Depends(_paging)]
