"""Streamed answers: how many a caller receives at the same time, and what becomes of a reader that takes nothing."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import httpx2
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand.core.media_types import RAW
from service.errors import TooManyRequests
from service.http.auth import Caller
from service.http.limits.slow_readers import DropSlowReaders, with_deadline
from service.http.limits.streams import Streams
from service.log.rules import Issuer
from service.settings import Settings
from tests.conftest import Registry, on_both
from tests.factories import random_digests

#: Together more than the buffers of the kernel on both sides of a connection hold.
ITEMS = 400_000


def caller(key: str) -> Caller:
    return Caller(Issuer(1, "local"), frozenset({"read"}), key)


def test_each_key_has_so_many_streams_and_all_without_a_key_have_so_many() -> None:
    streams = Streams(Settings(key_streams=2, anonymous_streams=1))
    with ExitStack() as held:
        held.enter_context(streams.one(None))
        for key in ("a", "b"):
            for _ in range(2):
                held.enter_context(streams.one(caller(key)))
        for holder in (None, caller("a"), caller("b")):
            with pytest.raises(TooManyRequests), streams.one(holder):
                pass
    with streams.one(None), streams.one(caller("a")), streams.one(caller("a")):
        pass


class SetBuffer:
    """A connection whose buffer a test sets."""

    def __init__(self, unconnected: socket.socket) -> None:
        self.socket = unconnected  # nothing waits in the kernel
        self.waiting, self.aborted = 0, False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def get_extra_info(self, _name: str) -> socket.socket:
        return self.socket

    def abort(self) -> None:
        self.aborted = True


@contextmanager
def watched_transport() -> Iterator[tuple[DropSlowReaders, SetBuffer]]:
    """A protocol that gives its reader 100 s for 100 bytes. The test calls `_check` when the time would be over."""
    settings = Settings(send_seconds=100, send_least_rate=1)
    kind = with_deadline(settings, DropSlowReaders)
    made = kind.__new__(kind)
    with socket.socket() as unconnected:
        transport = SetBuffer(unconnected)
        made.loop, made.transport, made.flow = asyncio.get_running_loop(), cast(Any, transport), cast(Any, Flow())
        yield made, transport
        made._end_watch()


class Flow:
    """Uvicorn's flow control, without effect."""

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


@pytest.mark.parametrize(("taken", "aborted"), [(0, True), (99, True), (100, False)])
def test_a_reader_must_take_so_many_bytes_in_each_period(taken: int, aborted: bool) -> None:
    async def test() -> None:
        with watched_transport() as (watched, transport):
            transport.waiting = 1_000_000
            watched.pause_writing()
            transport.waiting -= taken
            watched._check(1_000_000)
            assert transport.aborted == aborted

    asyncio.run(test())


def test_a_reader_that_took_everything_is_watched_no_longer() -> None:
    async def test() -> None:
        with watched_transport() as (watched, _):
            watched.pause_writing()
            assert watched._reader_deadline is not None
            watched.resume_writing()
            assert watched._reader_deadline is None

    asyncio.run(test())


def registered(http: httpx2.Client) -> str:
    """Make one registration of many items, and return the path of its digests."""
    assert http.put("/v1/datasets/local/texts", json={}).status_code == 201
    answer = http.post(
        "/v1/datasets/local/texts/registrations",
        params={"origin": "human"},
        content=random_digests(ITEMS).tobytes(),
        headers={"Content-Type": RAW},
    )
    assert answer.status_code == 201
    return f"/v1/registrations/{answer.json()['id']}/digests"


def slow_reader(registry: Registry, path: str) -> socket.socket:
    """Ask for an answer, and read nothing of it."""
    host, port = registry.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect((host, int(port)))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    connection.recv(1, socket.MSG_PEEK)  # until the answer has begun
    return connection


def read_to_the_end(connection: socket.socket) -> int:
    """Return how many bytes come before the end, or before the connection is broken off."""
    received = 0
    try:
        while piece := connection.recv(2**16):
            received += len(piece)
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize("settings", [{"send_seconds": 1, "anonymous_streams": 1}], indirect=True)
def test_a_reader_that_takes_nothing_is_cut_off_and_leaves_its_place(
    registry: Registry, http: httpx2.Client, stranger: httpx2.Client
) -> None:
    path = registered(http)
    with slow_reader(registry, path) as reader:
        answer = wait_until(lambda: (got := stranger.get(path)).status_code == 200 and got, "the place becomes free")
        assert answer
        assert len(answer.content) == 32 * ITEMS
        assert read_to_the_end(reader) < 32 * ITEMS


@pytest.mark.parametrize("settings", [{"send_seconds": 1}], indirect=True)
def test_an_answer_that_is_not_streamed_is_cut_off_too(registry: Registry) -> None:
    """The items of a look-up come as one piece, which would stay in memory."""
    body = random_digests(100_000).tobytes()
    host, port = registry.url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect((host, int(port)))
        head = f"POST /v1/lookups HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.recv(1, socket.MSG_PEEK)
        wait_until(lambda: broken_off(connection), "the connection is closed")


def broken_off(connection: socket.socket) -> bool:
    """Return whether the other side has reset the connection; a closed connection would still deliver its bytes."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


@on_both
@pytest.mark.parametrize("settings", [{"threads": 2, "send_seconds": 300}], indirect=True)
def test_slow_readers_hold_no_connection_of_the_database(registry: Registry, http: httpx2.Client) -> None:
    """There are two connections and two threads, and five readers that take nothing."""
    client = registry.client()
    path = registered(http)
    readers = [slow_reader(registry, path) for _ in range(5)]
    try:
        assert client.lookup(random_digests(10)).counts()["human"] == 10
        assert client.statistics().now.claims == ITEMS
    finally:
        for reader in readers:
            reader.close()
