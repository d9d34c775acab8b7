"""A client that asks for single items as fast as it is answered, on a fixed number of kept connections.

It speaks just enough HTTP/1.1 to cost little beside the server it measures (a full client in Python would be the
slower of the two): requests are rendered beforehand, and of an answer only the status and the length are read.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter

import numpy as np

_POLL_SECONDS = 0.01  # short: how often it looks, and no limit


@dataclass(frozen=True)
class Load:
    """What a server bore: answers, and their times in seconds."""

    answers: int
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
    """GET the paths in turn from 127.0.0.1, one request at a time on each connection; the warm-up is not counted.

    Takes longer than `seconds` if until then nothing was answered: on a busy machine that may happen in a short time.
    Raises RuntimeError at the first answer that is not 200, or when the server closes a connection.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    requests = cycle([f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n".encode() for path in paths])
    return asyncio.run(_hammer(port, requests, connections, seconds, warm_up))


async def _hammer(port: int, requests: Iterator[bytes], connections: int, seconds: float, warm_up: float) -> Load:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    opened = [
        await loop.create_connection(lambda: _Connection(requests, failed), "127.0.0.1", port)
        for _ in range(connections)
    ]
    asking = [one for _, one in opened]
    begun = perf_counter()
    for one in asking:
        one.ask()
    await asyncio.wait([failed], timeout=warm_up + seconds)
    while not failed.done() and not any(end >= begun + warm_up for one in asking for _, end in one.times[-1:]):
        await asyncio.wait([failed], timeout=_POLL_SECONDS)
    until = perf_counter()
    for one in asking:
        one.close()
    if failed.done():
        failed.result()
    return _summary([time for one in asking for time in one.times], begun + warm_up, until)


def _summary(times: list[tuple[float, float]], since: float, until: float) -> Load:
    took = np.array([end - start for start, end in times if since <= end < until])
    p50, p99 = np.percentile(took, [50, 99])
    return Load(len(took), len(took) / (until - since), float(p50), float(p99))


class _Connection(asyncio.Protocol):
    """One connection: a request is sent when the answer to the last is whole."""

    def __init__(self, requests: Iterator[bytes], failed: "asyncio.Future[None]") -> None:
        self.times: list[tuple[float, float]] = []
        self._requests, self._failed = requests, failed
        self._seen = b""
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        self._asked = perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._closing or not self._whole():
            return
        if not self._seen.startswith(b"HTTP/1.1 200"):
            self._fail(f"the server answered {self._seen[:200]!r}")
            return
        self.times.append((self._asked, perf_counter()))
        self._seen = b""
        self.ask()

    def _whole(self) -> bool:
        head, end, body = self._seen.partition(b"\r\n\r\n")
        if not end:
            return False
        _, length, rest = head.lower().partition(b"content-length:")
        if not length:
            self._fail("an answer has no Content-Length; give this client paths whose answers are not streamed")
            return False
        return len(body) >= int(rest.partition(b"\r\n")[0])

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._fail(f"the server closed a connection ({error or 'without an error'})")

    def _fail(self, message: str) -> None:
        if not self._failed.done():
            self._failed.set_exception(RuntimeError(message))

    def close(self) -> None:
        self._closing = True
        self._transport.close()
