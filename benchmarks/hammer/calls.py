"""Calls to the server under the hammer: retried until they are answered, timed, and each status looked at."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx2

from benchmarks.hammer.ledger import Ledger
from benchmarks.hammer.server import Server
from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand import Client, errors
from firsthand.http.transport import Backoff, Transport

Answer = TypeVar("Answer")

_RETRIES = 100


class Watching(httpx2.BaseTransport):
    """Every attempt of a client: 503 while the server is down is expected, any other 5xx is a fault."""

    def __init__(self, server: Server, ledger: Ledger, inner: httpx2.BaseTransport | None = None) -> None:
        self._inner, self._server, self._ledger = inner or httpx2.HTTPTransport(), server, ledger
        #: Attempts that were not answered, or with 503.
        self.failed = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = time.monotonic()
        try:
            response = self._inner.handle_request(request)
        except httpx2.TransportError as error:
            self.failed += 1
            self._ledger.unanswered(type(error).__name__)
            raise
        self.failed += response.status_code == 503
        expected = response.status_code == 503 and sent <= self._server.down_until
        if expected:
            self._ledger.unanswered("answers 503")
        said = f"{request.method} {request.url.path} answered {response.status_code}"
        self._ledger.check("server error", response.status_code < 500 or expected, said)
        return response

    def close(self) -> None:
        self._inner.close()


class Caller:
    """One actor's connections. `ask` times what it is given; `send` is for bodies that the client does not send."""

    def __init__(self, server: Server, ledger: Ledger, key: str) -> None:
        self._server, self._ledger = server, ledger
        self._watch = Watching(server, ledger)
        self.client = Client(server.url, key, retries=_RETRIES, transport=self._watch)
        backoff = Backoff(longest=1.0)
        self._wire = Transport(
            server.url, key, timeout=PATIENCE_SECONDS, retries=_RETRIES, transport=self._watch, backoff=backoff
        )

    def with_key(self, key: str) -> "Caller":
        """Another, who speaks with this key."""
        return Caller(self._server, self._ledger, key)

    def ask(self, kind: str, work: Callable[[Client], Answer]) -> Answer | None:
        """What `work` answers; None where it was refused, or answers what nobody understands, which is a fault."""
        before, started = self._watch.failed, time.monotonic()
        try:
            answer = work(self.client)
        except errors.FirsthandError as error:
            self._ledger.check("call that was not understood or refused", False, f"{kind}: {error}")
            return None
        self._ledger.check("call that was not understood or refused", True, "")
        self._ledger.took(kind, time.monotonic() - started, retried=self._watch.failed > before)
        return answer

    def send(self, path: str, body: bytes, media_type: str, params: Mapping[str, Any], key: str) -> bytes:
        """A POST under an Idempotency-Key, retried until it is answered."""
        return self._wire.send("POST", path, params=params, content=body, content_type=media_type, idempotency_key=key)

    def close(self) -> None:
        self.client.close()
        self._wire.close()
