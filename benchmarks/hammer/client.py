"""Calls to the server under load. They are retried until they are answered, timed, and checked for server errors."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx2

from benchmarks.hammer.check_log import CheckLog
from benchmarks.hammer.restarting_server import RestartingServer
from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand import Client, errors
from firsthand.http.transport import Backoff, Transport

Result = TypeVar("Result")

_RETRIES = 100


class WatchingTransport(httpx2.BaseTransport):
    """Checks each attempt of a client: a 503 while the server is down is expected, any other 5xx is a fault."""

    def __init__(self, server: RestartingServer, log: CheckLog, transport: httpx2.BaseTransport | None = None) -> None:
        self._transport, self._server, self._log = transport or httpx2.HTTPTransport(), server, log
        #: Number of attempts without a response, or with 503.
        self.failed = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent_at = time.monotonic()
        try:
            response = self._transport.handle_request(request)
        except httpx2.TransportError as error:
            self.failed += 1
            self._log.add_unanswered(type(error).__name__)
            raise
        self.failed += response.status_code == 503
        expected = response.status_code == 503 and sent_at <= self._server.down_until
        if expected:
            self._log.add_unanswered("status 503")
        detail = f"{request.method} {request.url.path} answered {response.status_code}"
        self._log.check("server error", response.status_code < 500 or expected, detail)
        return response

    def close(self) -> None:
        self._transport.close()


class HammerClient:
    """The connections of one actor. `call` measures a call; `send` sends bodies that `Client` cannot send."""

    def __init__(self, server: RestartingServer, log: CheckLog, key: str) -> None:
        self._server, self._log = server, log
        self._watching = WatchingTransport(server, log)
        self.client = Client(server.url, key, retries=_RETRIES, transport=self._watching)
        backoff = Backoff(longest=1.0)
        self._transport = Transport(
            server.url, key, timeout=PATIENCE_SECONDS, retries=_RETRIES, transport=self._watching, backoff=backoff
        )

    def with_key(self, key: str) -> "HammerClient":
        """Return another client, with this API key."""
        return HammerClient(self._server, self._log, key)

    def call(self, kind: str, work: Callable[[Client], Result]) -> Result | None:
        """Return the result of `work`. If the call fails, count a fault and return None."""
        failed_before, started = self._watching.failed, time.monotonic()
        try:
            result = work(self.client)
        except errors.FirsthandError as error:
            self._log.check("call refused or not answered", False, f"{kind}: {error}")
            return None
        self._log.check("call refused or not answered", True, "")
        self._log.add_call(kind, time.monotonic() - started, retried=self._watching.failed > failed_before)
        return result

    def send(self, path: str, body: bytes, media_type: str, params: Mapping[str, Any], key: str) -> bytes:
        """Send a POST with an Idempotency-Key, and retry it until it is answered; return the response body."""
        return self._transport.send(
            "POST", path, params=params, content=body, content_type=media_type, idempotency_key=key
        )

    def close(self) -> None:
        self.client.close()
        self._transport.close()
