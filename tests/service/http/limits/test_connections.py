"""The edge: heads that are refused, deadlines, the number of connections, proxies, and what is said of each answer."""

import asyncio
import json
import logging
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from typing import cast

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from benchmarks.harness.waiting import wait_until
from service import processes
from service.app import create_app
from service.http.limits.connections import Connection, _Transport, check_head
from service.http.middleware import escaped
from service.settings import Settings
from tests.conftest import Registry
from tests.factories import digest
from tests.service.wire import BULK, connected, head

GET = b"GET /healthz HTTP/1.1\r\nHost: registry\r\n"
POST = b"POST /v1/lookups HTTP/1.1\r\nHost: registry\r\nContent-Type: application/octet-stream\r\n"

#: What it is, the request, the status, and words of the answer.
REFUSED = [
    ("two lengths", POST + b"Content-Length: 32\r\nContent-Length: 33\r\n\r\n", 400, "more than once"),
    ("one length twice", POST + b"Content-Length: 32\r\ncontent-length : 32\r\n\r\n", 400, "more than once"),
    ("a list of lengths", POST + b"Content-Length: 32, 32\r\n\r\n", 400, "more than once"),
    ("both", POST + b"Content-Length: 32\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "Send one of the two"),
    ("both, reversed", POST + b"transfer-encoding: chunked\ncontent-length: 0\n\n", 400, "Send one of the two"),
    ("another coding", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400, "not a valid HTTP request"),
    ("a length that is no number", POST + b"Content-Length: -1\r\n\r\n", 400, "not a valid HTTP request"),
    ("an upgrade", GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400, "without the header Upgrade"),
    ("an upgrade to h2c", GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400, "without the header Upgrade"),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "Send HTTP/1.1"),
    ("no version", b"GET /healthz\r\n\r\n", 400, "Send HTTP/1.1"),
    ("a header without a name", GET + b": x\r\n\r\n", 400, "not a valid HTTP request"),
    ("a null in a header", GET + b"X-A: \x00\r\n\r\n", 400, "not a valid HTTP request"),
    ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", 400, "not a valid HTTP request"),
    ("101 headers", GET + b"".join(b"X-%d: 1\r\n" % n for n in range(101)) + b"\r\n", 431, "more than 100 headers"),
    ("a head of 17 KB", GET + b"X-A: " + b"a" * 17_000 + b"\r\n\r\n", 431, "more than 16,384 bytes"),
    ("a head of 17 KB without end", GET + b"X-A: " + b"a" * 17_000, 431, "more than 16,384 bytes"),
    ("a query of 9 KB", b"GET /v1/models?cursor=" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", 414, "Send a shorter query"),
    ("101 parameters", b"GET /v1/models?a=1" + b"&a=1" * 100 + b" HTTP/1.1\r\n\r\n", 414, "more than 100 parameters"),
]


def received(caller: socket.socket) -> bytes:
    """Everything that comes until the other side closes the connection."""
    content = b""
    with suppress(ConnectionError):
        while piece := caller.recv(65_536):
            content += piece
    return content


def test_a_head_that_proxies_read_in_another_way_is_refused_in_words_and_the_connection_ends(
    registry: Registry,
) -> None:
    for what, request, status, words in REFUSED:
        with connected(registry.url) as caller:
            caller.sendall(request)
            answer = received(caller)
        top, _, body = answer.partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 %d " % status), (what, answer)
        assert b"content-type: application/problem+json" in top.lower(), what
        assert b"connection: close" in top.lower(), what
        problem = json.loads(body)
        assert (problem["status"], words in problem["detail"]) == (status, True), (what, problem)


def test_heads_at_the_limits_are_read(registry: Registry) -> None:
    for request in (
        GET + b"".join(b"X-%d: 1\r\n" % n for n in range(98)) + b"\r\n",
        GET + b"X-A: " + b"a" * 16_000 + b"\r\n\r\n",
        b"GET /healthz?a=1" + b"&a=1" * 99 + b" HTTP/1.1\r\nHost: registry\r\n\r\n",
    ):
        assert check_head(request) is None
        with connected(registry.url) as caller:
            for byte in (request[:1], request[1:]):
                caller.sendall(byte)
            assert caller.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_several_requests_on_one_connection_are_answered_also_if_they_come_at_once(registry: Registry) -> None:
    lookup = POST + b"Content-Length: 32\r\n\r\n" + digest(0)
    with connected(registry.url) as caller:
        caller.sendall(lookup + GET + b"\r\n" + lookup + GET + b"Connection: close\r\n\r\n")
        assert received(caller).count(b"HTTP/1.1 200 ") == 4


@pytest.mark.parametrize("settings", [{"header_seconds": 0.5, "body_grace_seconds": 0.5}], indirect=True)
class TestDeadlines:
    """A registry that waits half a second for heads and for bodies."""

    def test_half_sent_requests_do_not_stay(self, registry: Registry, stranger: httpx2.Client) -> None:
        with ExitStack() as stack:
            callers = [stack.enter_context(connected(registry.url)) for _ in range(100)]
            for number, caller in enumerate(callers):
                part = (GET, POST + b"Content-Length: 320\r\n\r\n" + digest(0), b"")[number % 3]
                caller.sendall(part)
            assert stranger.get("/healthz").status_code == 200
            answers = [received(caller) for caller in callers]
        assert {answer[:13] for answer in answers[::3]} == {b"HTTP/1.1 408 "}
        assert b"The headers were not complete after 0.5 seconds" in answers[0]
        assert {answer[:13] for answer in answers[1::3]} == {b"HTTP/1.1 408 "}
        assert b"The body came too slowly: 32 bytes in " in answers[1]
        assert set(answers[2::3]) == {b""}

    def test_a_head_that_comes_byte_by_byte_has_one_deadline(self, registry: Registry) -> None:
        with connected(registry.url) as caller, suppress(ConnectionError):
            caller.sendall(b"GET / HTTP/1.1\r\nX-A: ")
            answer = b""
            caller.settimeout(0.01)  # short: it paces the bytes
            while not answer:
                with suppress(TimeoutError):
                    answer = caller.recv(65_536)
                caller.sendall(b"a")
        assert answer.startswith(b"HTTP/1.1 408 ")

    def test_a_body_that_was_answered_before_its_end_is_not_read_without_end(self, registry: Registry) -> None:
        with connected(registry.url) as caller:
            caller.sendall(head("unknown", BULK, "application/octet-stream", 10**7) + bytes(1_000))
            with HTTPResponse(caller) as response:
                response.begin()
                assert response.status == 401
            with suppress(ConnectionError):
                while True:
                    caller.sendall(bytes(10))


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_sender_gets_an_answer_that_comes_before_the_end_of_its_body(registry: Registry, connection: str) -> None:
    body = bytes(4 * 2**20)
    with connected(registry.url) as caller:
        caller.sendall(head("unknown", BULK, "application/octet-stream", len(body), Connection=connection) + body)
        with HTTPResponse(caller) as response:
            response.begin()
            assert (response.status, response.getheader("Content-Type")) == (401, "application/problem+json")


@pytest.mark.parametrize("settings", [{"max_connections": 2}], indirect=True)
class TestNumber:
    """A registry that has two connections at most."""

    @pytest.fixture
    def stack(self) -> Iterator[ExitStack]:
        with ExitStack() as stack:
            yield stack

    def test_a_connection_without_a_request_gives_way_to_a_new_one(self, registry: Registry, stack: ExitStack) -> None:
        first, second, third = (stack.enter_context(connected(registry.url)) for _ in range(3))
        assert received(first) == b""
        for caller in (second, third):
            caller.sendall(GET + b"\r\n")
            assert caller.recv(65_536).startswith(b"HTTP/1.1 200 ")

    def test_a_request_that_runs_is_not_cut_for_a_new_one(self, registry: Registry, stack: ExitStack) -> None:
        running = [stack.enter_context(connected(registry.url)) for _ in range(2)]
        for caller in running:
            caller.sendall(POST + b"Content-Length: 32\r\nExpect: 100-continue\r\n\r\n")
            assert caller.recv(65_536).startswith(b"HTTP/1.1 100 ")
        refused = received(stack.enter_context(connected(registry.url)))
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in refused.lower()
        for caller in running:
            caller.sendall(digest(0))
            assert caller.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_process_may_open_as_many_files_as_it_has_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
    try:
        processes._allow_files(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(800, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_health_answers_head_and_every_answer_says_on_what_it_depends(stranger: httpx2.Client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = stranger.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    for path in ("/healthz", "/v1/organizations", "/nowhere", "/v1/keys"):
        assert "Authorization" in stranger.get(path).headers["vary"]


FORWARDED = {
    "X-Forwarded-Prefix": "/registry",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.7",
    "Forwarded": "for=203.0.113.7;proto=https",
}


@pytest.mark.slow
@pytest.mark.parametrize(("trusted", "counts"), [("", False), ("10.0.0.0/8", False), ("127.0.0.0/8", True)])
def test_headers_of_a_proxy_count_only_from_configured_ones(
    empty_database: Settings, trusted: str, counts: bool
) -> None:
    app = create_app(empty_database.model_copy(update={"trusted_proxies": trusted}))
    with TestClient(app, client=("127.0.0.1", 5)) as client:
        docs = client.get("/docs", headers=FORWARDED).text
        assert ("/registry/openapi.json" in docs) == counts
        redirect = client.get("/healthz/", headers=FORWARDED, follow_redirects=False).headers["location"]
        assert redirect.startswith("https://testserver/registry/" if counts else "http://testserver/healthz")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1/organizations", "/registry/v1/organizations"])
def test_a_path_prefix_may_be_removed_by_the_proxy_or_not(empty_database: Settings, path: str) -> None:
    with TestClient(create_app(empty_database.model_copy(update={"root_path": "/registry"}))) as client:
        assert client.get(path).json() == {"items": [], "next": None}
        assert client.get("/healthz").status_code == client.get("/registry/healthz").status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/registry"}]


def test_prefixes_and_proxies_that_cannot_be_are_refused() -> None:
    for field, value, words in (
        ("root_path", "registry", "root_path"),
        ("root_path", "/v1", "use another prefix"),
        ("root_path", "/a/../<b>", "root_path"),
        ("trusted_proxies", "10.0.0.0/8, everyone", "neither an address nor a network"),
        ("trusted_proxies", "*", "neither an address nor a network"),
    ):
        with pytest.raises(ValidationError, match=words):
            Settings.model_validate({field: value})
    assert Settings(root_path="/a/b", trusted_proxies="127.0.0.1, ::1,10.0.0.0/8").root_path == "/a/b"


def test_a_path_is_escaped_in_the_log(stranger: httpx2.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stranger.get("/v1/items/%1b[31mred%0aforged%e2%80%ae line")

    def lines() -> list[dict[str, object]]:
        return [record.msg for record in caplog.records if isinstance(record.msg, dict)]

    wait_until(lambda: bool(lines()), "the request is logged")  # after its answer
    assert lines()[0]["path"] == "/v1/items/%1B%5B31mred%0Aforged%E2%80%AE%20line"
    assert escaped("/v1/datasets/acme/web") == "/v1/datasets/acme/web"
    assert len(escaped("/" + "\x1b" * 10_000)) < 2_000


def test_a_registry_answers_as_before_after_every_refusal(registry: Registry) -> None:
    for _, request, _, _ in REFUSED:
        with connected(registry.url) as caller:
            caller.sendall(request)
    wait_until(lambda: registry.client().health(), "the registry answers")


class StillSending:
    """A connection whose sender has not sent all of its request."""

    def sender_continues(self) -> bool:
        return True

    def wait(self, at_most: float) -> None:
        raise AssertionError("there is nobody to wait for")


async def close_after_a_reset() -> bool:
    """Close a transport whose peer has reset the connection, before the event loop has seen this."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Accept(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.set_result(cast(asyncio.Transport, transport))

    server = await loop.create_server(Accept, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as caller:
        transport = await accepted
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    own = _Transport(transport, cast(Connection, StillSending()))
    own.close()
    server.close()
    return own.is_closing() and not own.lingers


def test_a_connection_that_its_sender_has_reset_is_closed_without_an_error() -> None:
    assert asyncio.run(close_after_a_reset())
