"""Idempotency keys: if a write is sent again with the same key, it gets the stored answer and has no second effect."""

import json
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from firsthand.schemas.organizations import IssuedKey
from service.errors import StateConflict, Unprocessable
from service.http.auth import Caller, Known, Writer
from service.http.transactions import Writes
from service.http.uploads import Upload
from service.storage import tables
from service.storage.api_keys import NewApiKey, derived_key, new_key
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
            return _json(*self._stored())
        body = work().model_dump_json().encode()
        self._store(status, body)
        return _json(status, body)

    def answer_key(self, api_key: str, work: Callable[[NewApiKey], IssuedKey]) -> Response:
        """Return the answer of `work`, which stores a new API key and says so; a repeat gets the same key again.

        Of the new key, only a hash and a salt are stored. Its secret follows from the salt and the caller's own
        `api_key`, so only the same API key gets it again. Raises StateConflict for another one.
        """
        key = new_key()
        if self._row["key"] is None:
            return _json(201, work(key).model_dump_json().encode())
        if not self._reserve():
            return _json(201, _with_key(json.loads(self._stored()[1]), api_key))
        salt = secrets.token_bytes(32)
        key = derived_key(key.id, api_key, salt)
        issued = work(key)
        answer = {**issued.model_dump(mode="json"), "key": None}
        stored = {"salt": salt.hex(), "secret": key.secret_hash.hex(), "answer": answer}
        self._store(201, json.dumps(stored).encode())
        return _json(201, _with_key(stored, api_key))

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

    def _store(self, status: int, body: bytes) -> None:
        statement = update(tables.answers).filter_by(**self._row)
        self._session.execute(statement.values(status=status, body=body, answered_at=now()))

    def _stored(self) -> tuple[int, bytes]:
        query = tables.answers.select().filter_by(**self._row)
        row = self._session.execute(query).one()
        if row.request != self._request:
            raise Unprocessable.at(
                "Idempotency-Key", "this key was already used for another request; use a new key for each request"
            )
        return row.status, row.body


def _with_key(stored: dict[str, Any], api_key: str) -> bytes:
    """Return the stored answer to a request for an API key, with the whole key."""
    answer: dict[str, Any] = stored["answer"]
    key = derived_key(answer["id"], api_key, bytes.fromhex(stored["salt"]))
    if key.secret_hash.hex() != stored["secret"]:
        raise StateConflict(
            f"The key {answer['id']} was created under this Idempotency-Key by another API key, and only that one is "
            "shown it again. Revoke it, and create another one under a new Idempotency-Key."
        )
    return json.dumps({**answer, "key": key.key}, ensure_ascii=False, separators=(",", ":")).encode()


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
