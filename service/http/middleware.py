"""Middleware for every request: an id, a log line and metrics.

It is plain ASGI middleware, so that streams are not buffered.
"""

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.metrics import Metrics

log = structlog.get_logger("firsthand")

#: The methods that have their own counts in the metrics. A caller can send any text as a method, and each count needs
#: memory.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


#: The headers on which an answer depends: a shared cache must not send the answer for one key to another key.
_VARY = ((b"vary", b"Accept, Authorization"),)

#: The characters of a path that are not percent-encoded in a log.
_PLAIN = "/:@!$&'()*+,;=~-._"
#: The maximum number of characters of a path in a log line.
_MOST_PATH = 500


def escaped(path: str) -> str:
    """Return a path for a log: percent-encoded, so that it has no control characters, and cut if it is long."""
    return quote(path[:_MOST_PATH], safe=_PLAIN)


class ObserveRequests:
    """Middleware that gives each request an id, writes a log line for it, and counts it in the metrics.

    The id is the header `X-Request-ID` of the request, or a new id. This middleware calls `answer` for unexpected
    errors: if they were answered outside of it, the answer would not have the id.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, answer: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self._app, self._metrics, self._answer = app, metrics, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = _given_id(scope) or uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status, start = 0, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_VARY, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            if status:  # the answer has already begun, so the server can only cut it off
                raise
            response = await self._answer(Request(scope), error)
            await response(scope, receive, send_with_id)
        finally:
            self._record(scope, status, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        write = log.debug if route in ("/healthz", "/readyz", "/metrics") else log.info
        write(
            "request",
            method=scope["method"],
            path=escaped(scope["path"]),
            status=status,
            milliseconds=round(1000 * seconds, 1),
        )


def _given_id(scope: Scope) -> str | None:
    """Return the id that the caller sent. Return None if there is none, or if it cannot be written into a log."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if 0 < len(given) <= 100 and given.isascii() and given.isprintable() else None
