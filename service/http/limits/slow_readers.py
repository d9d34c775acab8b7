"""Close connections whose clients read their answers too slowly or not at all.

An answer stays in memory until the client has read it. asyncio calls `pause_writing` of the protocol when the buffer of
a connection is full, and `resume_writing` when the buffer has room again. Between the two calls, nothing is added to
the buffer. So the number of waiting bytes, in this buffer and in the kernel, shows how much the client has read.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from typing import TypeVar

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.settings import Settings

Dropping = TypeVar("Dropping", bound="DropSlowReaders")

log = structlog.get_logger("firsthand")


class DropSlowReaders(H11Protocol):
    """Uvicorn's protocol with a deadline for the client: in each period, it must read a minimum number of bytes."""

    #: The length of a period in seconds, and the bytes that the client must read in a period. `with_deadline` sets
    #: both.
    send_seconds: float
    least_bytes: int
    _reader_deadline: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Stop the application from writing, and begin to watch the reader."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Let the application write again, because the client has read enough of the buffer."""
        self._end_watch()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching the client, and close the connection."""
        self._end_watch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._reader_deadline = self.loop.call_later(self.send_seconds, self._check, self._waiting_bytes())

    def _end_watch(self) -> None:
        if self._reader_deadline is not None:
            self._reader_deadline.cancel()
            self._reader_deadline = None

    def _waiting_bytes(self) -> int:
        """Return the number of bytes that the client has not read yet, in this process and in the kernel.

        The kernel takes new bytes only when a large part of its own buffer is free. So if the client is slow, the
        buffer in this process does not change for minutes.
        """
        descriptor = self.transport.get_extra_info("socket").fileno()
        try:
            (in_kernel,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
        except OSError:  # some systems do not support this for sockets
            in_kernel = 0
        return self.transport.get_write_buffer_size() + int(in_kernel)

    def _check(self, waiting_before: int) -> None:
        waiting = self._waiting_bytes()
        if waiting_before - waiting >= self.least_bytes:
            self._watch()
            return
        log.warning("reader too slow, connection closed", seconds=self.send_seconds, waiting_bytes=waiting)
        # `close` would wait until the client has read everything; without SO_LINGER, the kernel would wait too
        no_linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.transport.abort()


def with_deadline(settings: Settings, base: type[Dropping]) -> type[Dropping]:
    """Return a subclass of a protocol with the deadline of the settings."""
    fields = {
        "send_seconds": settings.send_seconds,
        "least_bytes": int(settings.send_seconds * settings.send_least_rate),
    }
    return type(base.__name__, (base,), fields)
