"""Build requests as bytes, and send them on raw connections, without the rules that an HTTP client follows.

The connections use the socket functions of the event loop, because the streams of asyncio read ahead.
"""

import asyncio
import socket
from contextlib import suppress

_STATUS_BYTES = len("HTTP/1.1 200")
_RECEIVE_BYTES = 2**18
#: The pause in seconds before the next attempt, if the server accepts no connection.
_REFUSED_PAUSE = 0.05


def request(method: str, target: str, *headers: str, body: bytes = b"", api_key: str | None = None) -> bytes:
    """Return a complete request with `Connection: close`, so that the server closes the connection after its answer."""
    key = () if api_key is None else (f"Authorization: Bearer {api_key}",)
    length = (f"Content-Length: {len(body)}",) if body or method == "POST" else ()
    return head(f"{method} {target} HTTP/1.1", "Host: registry", "Connection: close", *key, *headers, *length) + body


def head(*lines: str) -> bytes:
    """Return the bytes of a request line and headers, with the empty line at their end."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def connect(host: str, port: int, receive_buffer: int | None = None) -> socket.socket:
    """Return a new connection.

    With a small `receive_buffer`, in bytes, the server must wait for this client to read.

    Raises OSError, after a short pause, if the connection fails.
    """
    connection = socket.socket()
    connection.setblocking(False)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
    except BaseException as error:
        connection.close()
        if isinstance(error, OSError):
            await asyncio.sleep(_REFUSED_PAUSE)
        raise
    return connection


async def exchange(host: str, port: int, content: bytes) -> str:
    """Send bytes on a new connection, and read until the server closes it. Return the status of the answer.

    Without an answer, return "closed" or "refused" (no connection).
    """
    try:
        connection = await connect(host, port)
    except OSError:
        return "refused"
    with connection:
        sending = asyncio.create_task(_send(connection, content))
        try:
            return await read_status(connection)
        finally:
            sending.cancel()
            await asyncio.wait(
                [sending]
            )  # wait for the task before the socket is closed, and still allow that this task is cancelled


async def read_status(connection: socket.socket) -> str:
    """Read until the server closes the connection. Return the status of the answer, or "closed" without an answer."""
    loop, start = asyncio.get_running_loop(), b""
    with suppress(OSError):  # the server may reset the connection after its answer
        while received := await loop.sock_recv(connection, _RECEIVE_BYTES):
            start += received[: _STATUS_BYTES - len(start)]
    return status_of(start)


def status_of(start: bytes) -> str:
    """Return the status in the first bytes of an answer, or "closed" if they have none."""
    return start[9:12].decode("latin-1") if start.startswith(b"HTTP/1.") and len(start) >= _STATUS_BYTES else "closed"


async def _send(connection: socket.socket, content: bytes) -> None:
    with suppress(OSError):  # the server answered early, and closed the connection
        await asyncio.get_running_loop().sock_sendall(connection, content)
