"""The connections of a process: limits on the heads of requests, on their time, and on the number of connections.

uvicorn has no deadline for heads and no limit on connections. It also accepts some heads that proxies interpret in
another way. This module is a subclass of uvicorn's h11 protocol that adds these checks. If a request is refused here,
no handler receives it.
"""

import asyncio
import re
import sys
from typing import Any, ClassVar, cast
from uuid import uuid4

import h11

from firsthand.schemas.problems import MEDIA_TYPE
from service import errors
from service.errors import HeadersTooLarge, Malformed, Refusal, TargetTooLong, Unavailable
from service.http.limits.slow_readers import DropSlowReaders, with_deadline
from service.settings import Settings

#: The limits of a head: bytes of the request line and headers together, bytes of the request line, number of headers,
#: and number of query parameters.
MOST_HEAD, MOST_TARGET, MOST_HEADERS, MOST_PARAMETERS = 2**14, 2**13, 100, 100

#: Seconds in which the client can read its answer and stop sending. Then its connection is reset.
_LINGER_SECONDS = 5

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(rb" HTTP/1\.[01]\r?$")
_LENGTH = re.compile(rb"^content-length[ \t]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(rb"^transfer-encoding[ \t]*:", re.IGNORECASE | re.MULTILINE)
_UPGRADE = re.compile(rb"^upgrade[ \t]*:", re.IGNORECASE | re.MULTILINE)

_KINDS = {kind.status: kind for kind in Refusal.__subclasses__()}


class _Refused(h11.RemoteProtocolError):
    """The refusal of a head, as an exception that h11 raises for errors of the client."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail, refusal.status)
        self.refusal = refusal


class _Parser(h11.Connection):
    """The parser of h11, with `check_head` before each head is parsed."""

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            received, _ = self.trailing_data
            if received and (refusal := check_head(received)):
                raise _Refused(refusal)
        return super().next_event()


def check_head(received: bytes) -> Refusal | None:
    """Return why the head of a request is refused, or None if it is accepted.

    `received` has the bytes from the start of the head. The head may be incomplete.
    """
    end = _HEAD_END.search(received)
    head = received[: end.end()] if end else received
    target = head[: head.find(b"\n")] if b"\n" in head else head
    if len(target) > MOST_TARGET:
        return TargetTooLong(f"The request line has more than {MOST_TARGET:,} bytes. Send a shorter query.")
    if target.count(b"&") >= MOST_PARAMETERS:
        return TargetTooLong(f"The query has more than {MOST_PARAMETERS} parameters. Send fewer parameters.")
    if b"\n" in head and not _VERSION.search(target):
        return Malformed("This is not a request in HTTP/1.1 or HTTP/1.0. Send HTTP/1.1.")
    if len(head) > MOST_HEAD:
        return HeadersTooLarge(f"The headers have more than {MOST_HEAD:,} bytes. Send fewer or shorter headers.")
    if head.count(b"\n") > MOST_HEADERS + 2:
        return HeadersTooLarge(f"The request has more than {MOST_HEADERS} headers. Send fewer headers.")
    lengths = _LENGTH.findall(head)
    if len(lengths) > 1 or any(b"," in length for length in lengths):
        return Malformed("The request has the header Content-Length more than once. Send this header once.")
    if lengths and _ENCODING.search(head):
        return Malformed("The request has both Content-Length and Transfer-Encoding. Send one of the two headers.")
    if _UPGRADE.search(head):
        return Malformed(
            "This registry cannot change the protocol of a connection. Send the request without the header Upgrade."
        )
    return None


class _Transport:
    """The transport of a connection.

    If the client is still sending, `close` waits, so that the client gets the answer.

    If a socket with unread data is closed, the connection is reset, and the client loses an answer that it has not read
    yet. So first only the sending direction is closed, and the received bytes are discarded (RFC 9112, section 9.6).
    """

    def __init__(self, transport: asyncio.Transport, connection: "Connection") -> None:
        self._transport, self._connection = transport, connection
        self.lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        if not self._connection.sender_continues() or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the sender has reset the connection, and the event loop has not seen this yet
            self._transport.close()
            return
        self.lingers = True
        self._transport.resume_reading()
        self._connection.wait(_LINGER_SECONDS)

    def close_now(self) -> None:
        self._transport.close()


class Connection(DropSlowReaders):
    """A connection with a deadline for each head. `protocol` makes the class that a process uses."""

    settings: ClassVar[Settings]
    #: The connections without a running request. The connection that has waited longest is first.
    waiting: ClassVar[dict["Connection", None]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Parser(h11.SERVER, MOST_HEAD)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._own = _Transport(transport, self)
        super().connection_made(cast(asyncio.Transport, self._own))
        if len(self.connections) > self.settings.max_connections:
            if not self.waiting:
                self._refuse(
                    Unavailable(
                        "The service has reached its maximum number of connections. Send the request again in a few"
                        " seconds."
                    )
                )
                return
            # a connection without a request is closed instead: its client can open another one
            next(iter(self.waiting)).close_waiting()
        self.wait()

    def data_received(self, data: bytes) -> None:
        if not self._own.lingers:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        running = self.cycle
        super().handle_events()
        if self.cycle is not running:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            # for the next head, or for the rest of a body that was answered early
            self.wait()

    def sender_continues(self) -> bool:
        """Return whether the client may still be sending: the rest of a request, or bytes that are not a request."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR) or bool(self.conn.trailing_data[0])

    def shutdown(self) -> None:
        if self._own.lingers:
            self._own.close_now()
        else:
            super().shutdown()

    def close_waiting(self) -> None:
        """Close a connection without a running request.

        If a part of a head was received, answer with status 408 before.
        """
        self._stop_waiting()
        if self.transport.is_closing():
            self._own.close_now()
        elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            seconds = self.settings.header_seconds
            self._refuse(
                errors.RequestTimeout(
                    f"The headers were not complete after {seconds:g} seconds. Send the request again."
                )
            )
        else:
            self._own.close_now()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that h11 or `check_head` has refused."""
        error = sys.exception()
        if isinstance(error, _Refused):
            self._refuse(error.refusal)
            return
        kind = _KINDS.get(getattr(error, "error_status_hint", 400), Malformed)
        self._refuse(kind(f"This is not a valid HTTP request ({error}). Send HTTP/1.1."))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with a problem, then close the connection.

        If an answer has already begun, only close the connection.
        """
        self._stop_waiting()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # later answers of its handler are not sent
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = refusal.problem("").model_dump_json().encode()
            headers = {
                **refusal.headers,
                "Content-Type": MEDIA_TYPE,
                "Content-Length": str(len(body)),
                "Connection": "close",
                "X-Request-ID": uuid4().hex,
            }
            response = h11.Response(status_code=refusal.status, headers=list(headers.items()), reason=refusal.title)
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def wait(self, at_most: float = float("inf")) -> None:
        """Wait for a head, or for the end of the bytes that the client still sends.

        At the deadline, close the connection.
        """
        self._stop_waiting()
        self.waiting[self] = None
        self._deadline = self.loop.call_later(min(self.settings.header_seconds, at_most), self.close_waiting)

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def protocol(settings: Settings) -> type[Connection]:
    """Return the class of the connections of one process, with these settings."""

    kind = with_deadline(settings, Connection)
    kind.settings, kind.waiting = settings, {}
    return kind
