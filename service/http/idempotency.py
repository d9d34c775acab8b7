"""Idempotency keys: if a write is repeated with the same key, it has no second effect and gets the stored answer."""

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
from service.http.bodies import SMALL, raw_body
from service.http.proxies import route_path
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
    """Runs a write at most once per `Idempotency-Key`. A request without a key is always run."""

    def __init__(self, session: Session, caller: Caller, request: Request, key: str | None, body_digest: bytes) -> None:
        self._session = session
        self._row = {"organization": caller.issuer.id, "route": route_path(request.scope), "key": key}
        head = f"{request.method} {self._row['route']}?{request.url.query}\n".encode()
        self._request = sha256(head + body_digest).digest()

    def answer(self, status: int, work: Callable[[], BaseModel]) -> Response:
        """Call `work` and return its answer. If this key was used before, return the stored answer instead.

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
        """Call `work`, which stores a new API key, and return its answer with this key.

        A repeat returns the same key again.

        Only a hash and a salt of the new key are stored. Its secret is computed from the salt and from `api_key`, the
        caller's own key, so only a request with the same API key can get it again. Raises StateConflict for another API
        key.
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
        """Reserve the idempotency key. Return False if it is already used.

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
    """Return the stored answer to a request for an API key, and add the API key to it.

    Raises StateConflict if `api_key` is not the key with which the request was sent first.
    """
    answer: dict[str, Any] = stored["answer"]
    key = derived_key(answer["id"], api_key, bytes.fromhex(stored["salt"]))
    if key.secret_hash.hex() != stored["secret"]:
        raise StateConflict(
            f"Another API key used this Idempotency-Key before and created the key {answer['id']}. Only that API key "
            f"can get it again. Revoke the key {answer['id']}, and create a new key with a new Idempotency-Key."
        )
    return json.dumps({**answer, "key": key.key}, ensure_ascii=False, separators=(",", ":")).encode()


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, media_type="application/json")


async def _once(
    request: Request,
    body: Annotated[bytes, raw_body(Known, SMALL)],
    session: Writes,
    caller: Known,
    idempotency_key: _IdempotencyKey = None,
) -> Once:
    """Return the `Once` of this request.

    Any valid API key is accepted here, because an administrator does not need the scope write. The handler checks the
    scope. The body is received before the session begins: a slow body must not hold a transaction.
    """
    return Once(session, caller, request, idempotency_key, sha256(body).digest())


async def _once_bulk(
    request: Request, body: Upload, session: Writes, caller: Writer, idempotency_key: _IdempotencyKey = None
) -> Once:
    return Once(session, caller, request, idempotency_key, body.digest)


#: For a call with a small body.
OnceOf = Annotated[Once, Depends(_once)]
#: For a call with a bulk body.
OnceBulk = Annotated[Once, Depends(_once_bulk)]
