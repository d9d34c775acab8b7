"""Around every request: an id, a log line, metrics, a limit on its body. Plain ASGI, so that streams stay streams."""

import os
import re
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.settings import Settings

_BULK = re.compile(r"/v1/datasets/[^/]+/[^/]+/registrations|/v1/registrations:batch")

log = structlog.get_logger("firsthand")

#: A caller may send any word as a method; each that is counted by its own name costs memory for ever.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


#: Where prometheus_client keeps what several workers count, a file each: the name is its own.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The Prometheus metrics of one application, or of all workers together where there are several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "firsthand_requests_total", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "firsthand_request_seconds", "Time to the last byte of an answer.", ["method", "route"],
            registry=self.registry,
        )  # fmt: skip
        self.items = Counter("firsthand_items_total", "Items in bulk bodies.", ["call"], registry=self.registry)

    def exposition(self) -> bytes:
        """What Prometheus reads: the same whichever worker is asked, and no less when one of them has died."""
        folder = os.environ.get(METRICS_FOLDER)
        if folder is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


class Observe:
    """Gives each request an id (its own `X-Request-ID`, or a new one), and says what became of it.

    What nobody foresaw is answered here, by `answer`: outside of here the answer would go without the id.
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

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if status:  # an answer that has begun cannot be taken back; the server breaks it off
                raise
            response = await self._answer(Request(scope), error)
            await response(scope, receive, sending)
        finally:
            self._note(scope, status, time.perf_counter() - start)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        quiet = route in ("/healthz", "/readyz", "/metrics")
        (log.debug if quiet else log.info)(
            "request", method=scope["method"], path=scope["path"], status=status, milliseconds=round(1000 * seconds, 1)
        )


def _given_id(scope: Scope) -> str | None:
    """The id that the caller gave, where it is one that can stand in a log."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if 0 < len(given) <= 100 and given.isascii() and given.isprintable() else None


class LimitBody:
    """Refuses a body over the limit: by its `Content-Length` before any of it is read, else as soon as it is over.

    And one that is encoded as a whole (gzip, say), unread: its limit would be of bytes that nobody stores, and digests
    do not compress.
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

        async def limited() -> Message:
            nonlocal received
            if encoding.strip().lower() not in ("", "identity"):
                said = f"Content-Encoding {encoding[:40]} is not read here: send the body as it is"
                raise HTTPException(415, said, headers={"Accept-Encoding": "identity"})
            if announced.isdigit() and int(announced) > limit:
                raise HTTPException(
                    413, f"the body has {int(announced):,} bytes; {limit:,} is the most: send it in parts"
                )
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, f"the body is over {limit:,} bytes: send it in parts")
            return message

        await self._app(scope, limited, send)
