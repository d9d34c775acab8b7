"""Middleware for every request: an id, a log line, metrics, and a limit on the size of the body.

Both classes are plain ASGI middleware, so that streams are not buffered.
"""

import re
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.metrics import Metrics
from service.settings import Settings

_BULK = re.compile(r"/v1/datasets/[^/]+/[^/]+/registrations|/v1/registrations:batch")

log = structlog.get_logger("firsthand")

#: The methods that metrics count by name. A caller can send any text as a method, and each counted name costs memory.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ObserveRequests:
    """Middleware that gives each request an id, writes a log line for it, and counts it in the metrics.

    The id is the header `X-Request-ID` of the request, or a new id. Unexpected errors are turned into an answer here,
    by `answer`: outside of this middleware, the answer would not have the id.
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
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            if status:  # the answer has begun, so the server can only cut it off
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
            "request", method=scope["method"], path=scope["path"], status=status, milliseconds=round(1000 * seconds, 1)
        )


def _given_id(scope: Scope) -> str | None:
    """Return the id that the caller sent, if it can be written into a log; otherwise None."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if 0 < len(given) <= 100 and given.isascii() and given.isprintable() else None


class LimitBody:
    """Middleware that refuses a body over the limit with status 413.

    If `Content-Length` is over the limit, the body is not read; otherwise reading stops at the limit. A body with a
    content encoding, for example gzip, is refused with status 415 before it is read: the limit is in decoded bytes, and
    digests do not compress.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        bulk = scope["method"] == "POST" and _BULK.fullmatch(scope["path"])
        limit = self._settings.max_bulk_bytes if bulk else self._settings.max_json_bytes
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            if encoding.strip().lower() not in ("", "identity"):
                detail = f"The Content-Encoding {encoding[:40]} is not supported. Send the body without compression."
                raise HTTPException(415, detail, headers={"Accept-Encoding": "identity"})
            if announced.isdigit() and int(announced) > limit:
                raise HTTPException(
                    413,
                    f"The body has {int(announced):,} bytes; the limit is {limit:,}. Send several smaller requests.",
                )
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(
                    413, f"The body has over {limit:,} bytes, which is the limit. Send several smaller requests."
                )
            return message

        await self._app(scope, receive_limited, send)
