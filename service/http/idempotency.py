"""Idempotency keys: if a write is sent again with the same key, it gets the stored answer and has no second effect."""

from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from service.errors import Unprocessable
from service.http.auth import Caller, Known, Writer
from service.http.transactions import Writes
from service.http.uploads import Upload
from service.storage import tables
from service.storage.engine import now

_IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A key that you choose. It makes a retry safe: if the same request is sent again with this key, "
        "it has no second effect and gets the stored answer. Another request with this key is refused with status 422.",
    ),
]


class Once:
    """Executes a write at most once per `Idempotency-Key`. Without a key, it executes every request."""

    def __init__(self, session: Session, caller: Caller, request: Request, key: str | None, body_digest: bytes) -> None:
        self._session = session
        self._row = {"organization": caller.issuer.id, "route": request.url.path, "key": key}
        head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        self._request = sha256(head + body_digest).digest()

    def answer(self, status: int, work: Callable[[], BaseModel]) -> Response:
        """Call `work` and return its answer; or return the stored answer, if this key was used before.

        The answer is stored in the same transaction as the effects of `work`. Raises Unprocessable if the key was used
        for another request.
        """
        if self._row["key"] is None:
            return _json(status, work().model_dump_json().encode())
        if not self._reserve():
            return self._stored()
        body = work().model_dump_json().encode()
        self._session.execute(
            update(tables.answers).filter_by(**self._row).values(status=status, body=body, answered_at=now())
        )
        return _json(status, body)

    def _reserve(self) -> bool:
        """Reserve the key. Returns False if it is already used.

        A second request with the same key waits here until the transaction of the first request ends.
        """
        statement = text(
            "INSERT INTO answers (organization, route, key, request, answered_at)"
            " VALUES (:organization, :route, :key, :request, :at) ON CONFLICT DO NOTHING"
        )
        values = {**self._row, "request": self._request, "at": now()}
        return bool(self._session.execute(statement, values).rowcount)  # type: ignore[attr-defined]

    def _stored(self) -> Response:
        query = tables.answers.select().filter_by(**self._row)
        row = self._session.execute(query).one()
        if row.request != self._request:
            raise Unprocessable.at(
                "Idempotency-Key", "this key was already used for another request; use a new key for each request"
            )
        return _json(row.status, row.body)


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, media_type="application/json")


async def _once(request: Request, session: Writes, caller: Known, idempotency_key: _IdempotencyKey = None) -> Once:
    """Return the `Once` of this request.

    Any valid API key is accepted. The handler checks the scope, because an administrator does not need the scope write.
    """
    return Once(session, caller, request, idempotency_key, sha256(await request.body()).digest())


async def _once_bulk(
    request: Request, body: Upload, session: Writes, caller: Writer, idempotency_key: _IdempotencyKey = None
) -> Once:
    return Once(session, caller, request, idempotency_key, body.digest)


#: For a call with a small body.
OnceOf = Annotated[Once, Depends(_once)]
#: For a call with a bulk body.
OnceBulk = Annotated[Once, Depends(_once_bulk)]
