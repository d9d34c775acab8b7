"""An HTTP client that sends GET requests as fast as the server answers, on a fixed number of open connections.

It implements only the part of HTTP/1.1 that it needs, so that it uses little CPU time compared with the server. A
complete client in Python would be slower than the server. Requests are prepared in advance, and only the status and the
length of a response are read.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter

import numpy as np


@dataclass(frozen=True)
class Load:
    """Responses of a server under load: their number, their rate per second, and response times in seconds."""

    responses: int
    rate: float
    p50: float
    p99: float


def get(
    port: int,
    paths: Sequence[str],
    connections: int = 32,
    seconds: float = 5.0,
    warm_up: float = 0.5,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Request the paths in turn from 127.0.0.1, with one request at a time per connection. Return the measured load.

    Responses during the warm-up are not counted.

    Raises RuntimeError at the first response that is not 200, or if the server closes a connection.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    requests = cycle([f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n".encode() for path in paths])
    return asyncio.run(_run(port, requests, connections, seconds, warm_up))


async def _run(port: int, requests: Iterator[bytes], count: int, seconds: float, warm_up: float) -> Load:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    opened = [
        await loop.create_connection(lambda: _LoadConnection(requests, failed), "127.0.0.1", port) for _ in range(count)
    ]
    connections = [connection for _, connection in opened]
    start = perf_counter() + warm_up
    end = start + seconds
    for connection in connections:
        connection.send()
    await asyncio.wait([failed], timeout=warm_up + seconds)
    for connection in connections:
        connection.close()
    if failed.done():
        failed.result()

    times = [
        received - sent for connection in connections for sent, received in connection.times if start <= received < end
    ]
    if not times:
        raise RuntimeError("the server answered no request in time; measure for more seconds")
    p50, p99 = np.percentile(times, [50, 99])
    return Load(len(times), len(times) / seconds, float(p50), float(p99))


class _LoadConnection(asyncio.Protocol):
    """One connection. It sends the next request when the last response is complete."""

    def __init__(self, requests: Iterator[bytes], failed: "asyncio.Future[None]") -> None:
        #: For each request: (time when it was sent, time when its response was complete), in seconds of `perf_counter`.
        self.times: list[tuple[float, float]] = []
        self._requests, self._failed = requests, failed
        self._received = b""
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        self._sent_at = perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._closing or not self._complete():
            return
        if not self._received.startswith(b"HTTP/1.1 200"):
            self._fail(f"the server answered {self._received[:200]!r}")
            return
        self.times.append((self._sent_at, perf_counter()))
        self._received = b""
        self.send()

    def _complete(self) -> bool:
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return False
        _, length, after = head.lower().partition(b"content-length:")
        if not length:
            self._fail("a response has no Content-Length; use paths whose responses are not streamed")
            return False
        return len(body) >= int(after.partition(b"\r\n")[0])

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._fail(f"the server closed a connection ({error or 'no error reported'})")

    def _fail(self, message: str) -> None:
        if not self._failed.done():
            self._failed.set_exception(RuntimeError(message))

    def close(self) -> None:
        self._closing = True
        self._transport.close()
