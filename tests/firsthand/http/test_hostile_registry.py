"""A registry can be hostile: it gets the key of no other host, and fills neither memory nor disk."""

import gzip
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from firsthand import Client, SnapshotError, errors
from firsthand.schemas.organizations import Organization
from firsthand.schemas.snapshots import MAX_SHARD_BYTES
from firsthand.snapshots import manifest
from tests.factories import write_snapshot
from tests.firsthand.http.wire import ORGANIZATION, Wire, problem

MIB = 2**20


class HostileServer(ThreadingHTTPServer):
    """A server on loopback that answers every request with one function, and notes the requests."""

    daemon_threads = True

    def __init__(self, answer: Callable[["Handler"], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.requests = answer, list[tuple[str, str | None]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """A handler that leaves the answer to the server's function."""

    server: HostileServer

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Authorization")))
        with suppress(BrokenPipeError, ConnectionResetError):  # the client does not want more
            self.server.answer(self)
        self.close_connection = True

    do_POST = do_GET

    def begin(self, status: int, **headers: str) -> None:
        """Send the status and the headers, whose names have underscores for hyphens."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


@contextmanager
def hostile(answer: Callable[[Handler], None]) -> Iterator[HostileServer]:
    server = HostileServer(answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_named_and_not_followed(status: int) -> None:
    with hostile(lambda handler: handler.begin(200)) as thief:
        location = f"{thief.url}/v1/datasets/a/b\x1b[2J"
        with (
            hostile(lambda handler: handler.begin(status, Location=location, Content_Length="0")) as server,
            Client(server.url, "fh_secret", retries=0) as client,
        ):
            with pytest.raises(errors.NotUnderstood, match="Redirects are not followed") as caught:
                client.dataset("a/b")
            with pytest.raises(errors.NotUnderstood, match="Redirects are not followed"):
                list(client.mix_digests("0" * 32))
            assert not client.health()
        assert thief.requests == []
        assert [key for _, key in server.requests] == ["Bearer fh_secret"] * 3
        assert thief.url in str(caught.value)
        assert "\x1b" not in str(caught.value)


def _endless(handler: Handler) -> None:
    handler.begin(200, Content_Type="application/json")
    while True:
        handler.wfile.write(b" " * MIB)


def _announces_too_much(handler: Handler) -> None:
    handler.begin(200, Content_Length=str(2**62))
    handler.wfile.write(b"{}")


def _bomb(handler: Handler) -> None:
    content = gzip.compress(b" " * (64 * MIB))
    handler.begin(200, Content_Encoding="gzip", Content_Length=str(len(content)))
    handler.wfile.write(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_endless, r"has more than [0-9,]+ bytes; at most 268,435,456 bytes were expected"),
        (_announces_too_much, r"announces 4,611,686,018,427,387,904 bytes; at most 268,435,456"),
        (_bomb, "sent a compressed answer \\('gzip'\\), which was not requested"),
    ],
)
def test_an_answer_is_read_up_to_a_limit(answer: Callable[[Handler], None], says: str) -> None:
    with (
        hostile(answer) as server,
        Client(server.url, retries=0) as client,
        pytest.raises(errors.NotUnderstood, match=says),
    ):
        client.dataset("a/b")


@pytest.mark.slow
def test_a_stream_is_read_up_to_the_items_that_were_announced() -> None:
    with hostile(_endless) as server, Client(server.url, retries=0) as client:
        received: list[int] = []
        with pytest.raises(errors.NotUnderstood, match="at most 320,000 bytes were expected"):
            received.extend(map(len, client.mix_digests("0" * 32, items=10_000)))
        assert sum(received) <= 10_000
        with pytest.raises(errors.NotUnderstood, match="at most 1,000 bytes were expected"):
            list(client.mix_file("0" * 32, "application/octet-stream", limit=1_000))


@pytest.mark.slow
def test_a_line_without_an_end_is_refused() -> None:
    with (
        hostile(_endless) as server,
        Client(server.url, retries=0) as client,
        pytest.raises(errors.NotUnderstood, match="a line of more than 1,048,576 bytes"),
    ):
        list(client.mix_diff("0" * 32))


@pytest.mark.slow
def test_a_refusal_is_read_up_to_a_limit() -> None:
    def answer(handler: Handler) -> None:
        handler.begin(404, Content_Type="application/problem+json")
        while True:
            handler.wfile.write(b" " * MIB)

    with (
        hostile(answer) as server,
        Client(server.url, retries=0) as client,
        pytest.raises(errors.NotUnderstood, match="at most 1,048,576 bytes were expected"),
    ):
        client.dataset("a/b")


@pytest.mark.parametrize("items", [[], [ORGANIZATION]])
def test_a_list_that_leads_to_itself_ends(items: list[Any]) -> None:
    wire = Wire(httpx2.Response(200, json={"items": items, "next": "again"}))
    with pytest.raises(errors.NotUnderstood, match="never ends"):
        list(wire.transport.pages(Organization, "/v1/organizations"))
    assert len(wire.requests) <= 2


def test_texts_of_a_registry_do_not_steer_the_terminal() -> None:
    wire = Wire(problem(422, "clear\x1b[2J\u202e", errors=[{"where": "a\x9b", "message": "b\rc\x7f"}]))
    with pytest.raises(errors.Refused) as caught:
        wire.transport.send("GET", "/")
    assert str(caught.value) == "clear\\x1b[2J\\u202e\n  a\\x9b: b\\rc\\x7f"


# Snapshots


def snapshot_transport(folder: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> httpx2.MockTransport:
    """Return a transport that serves the snapshot in a folder, with a manifest that was changed and signed again."""
    fields = json.loads((folder / manifest.FILE).read_text())
    known = fields["id"]
    change(fields)
    fields["digest"] = manifest._digest({name: value for name, value in fields.items() if name != "digest"})

    def answer(request: httpx2.Request) -> httpx2.Response:
        *_, last = request.url.path.split("/")
        if last == "snapshots":
            summary = {**fields, "id": known, "bytes": 1}
            return httpx2.Response(200, json={"items": [summary], "next": None})
        if len(last) == 32:
            return httpx2.Response(200, json=fields)
        return httpx2.Response(200, content=(folder / f"{last}.fuse").read_bytes() + b"\0" * MIB)

    return httpx2.MockTransport(answer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_snapshot(tmp_path / "served")


@pytest.mark.slow
def test_a_file_of_a_snapshot_is_read_up_to_its_announced_size(folder: Path, tmp_path: Path) -> None:
    with (
        Client("http://registry.test", transport=snapshot_transport(folder), retries=0) as client,
        pytest.raises(errors.NotUnderstood, match="at most 56 bytes were expected"),
    ):
        client.pull_snapshot(tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", "..", "\x1b", ""])
def test_a_registry_names_no_file_of_a_snapshot(folder: Path, tmp_path: Path, name: str) -> None:
    """The names are those of the format: whatever the manifest adds to a shard is ignored."""

    def change(fields: dict[str, Any]) -> None:
        for shard in fields["shards"]:
            shard |= {"name": name, "file": name, "path": name}

    transport = snapshot_transport(folder, change)
    with (
        Client("http://registry.test", transport=transport, retries=0) as client,
        pytest.raises(errors.NotUnderstood, match="were expected"),
    ):
        client.pull_snapshot(tmp_path / "out" / "pulled")
    assert {path.name for path in (tmp_path / "out").rglob("*")} == {".pulled.part"}


@pytest.mark.slow
@pytest.mark.parametrize("id", ["../statistics", "0" * 31, "0" * 32 + "/x", "%2e%2e", "A" * 32])
def test_an_id_that_leads_elsewhere_is_refused(folder: Path, tmp_path: Path, id: str) -> None:
    def change(fields: dict[str, Any]) -> None:
        fields["id"] = id

    with Client("http://registry.test", transport=snapshot_transport(folder, change), retries=0) as client:
        with pytest.raises(errors.InvalidArgument, match="is not the id of a snapshot"):
            client.pull_snapshot(tmp_path / "pulled", id)
        with pytest.raises((errors.NotUnderstood, SnapshotError)):
            client.pull_snapshot(tmp_path / "pulled")


@pytest.mark.slow
def test_the_manifest_of_another_snapshot_is_refused(folder: Path, tmp_path: Path) -> None:
    with (
        Client("http://registry.test", transport=snapshot_transport(folder), retries=0) as client,
        pytest.raises(SnapshotError, match=f"instead of {'0' * 32}"),
    ):
        client.pull_snapshot(tmp_path / "pulled", "0" * 32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "says"),
    [(MAX_SHARD_BYTES + 1, "is not the manifest"), (2**53 - 1, "is not the manifest"), (MAX_SHARD_BYTES, "free bytes")],
)
def test_a_snapshot_that_is_larger_than_the_disk_is_refused(folder: Path, tmp_path: Path, size: int, says: str) -> None:
    def change(fields: dict[str, Any]) -> None:
        for shard in fields["shards"]:
            shard["bytes"] = size

    with (
        Client("http://registry.test", transport=snapshot_transport(folder, change), retries=0) as client,
        pytest.raises(SnapshotError, match=says),
    ):
        client.pull_snapshot(tmp_path / "pulled")


# 429


def too_many(retry_after: str) -> httpx2.Response:
    response = problem(429, "too many requests of this key")
    response.headers["Retry-After"] = retry_after
    return response


def test_a_busy_registry_is_waited_for_without_spending_retries(caplog: pytest.LogCaptureFixture) -> None:
    waits = [too_many("7"), too_many("20"), too_many("0"), too_many("Wed, 21 Oct 2015 07:28:00 GMT")]
    wire = Wire(*waits, httpx2.Response(200, json=ORGANIZATION), retries=0)
    with caplog.at_level(logging.WARNING):
        wire.transport.send("GET", "/")
    assert len(wire.requests) == 5
    assert 7 <= wire.pauses[0] <= 7 * 1.2
    assert 20 <= wire.pauses[1] <= 20 * 1.2
    assert all(0 < pause < 1 for pause in wire.pauses[2:])
    (message,) = caplog.messages  # once a minute, not for every wait
    assert "too many requests of this key or address and asks to wait" in message


def test_the_total_wait_is_limited_and_the_user_is_told() -> None:
    wire = Wire(too_many("250"))
    with pytest.raises(errors.Busy) as caught:
        wire.transport.send("GET", "/")
    assert len(wire.pauses) == 2
    assert sum(wire.pauses) <= 600
    assert "too many requests of this key\nThe registry asks to wait longer (Retry-After: 250)" in str(caught.value)
    assert "a request waits at most 600 s" in str(caught.value)


@pytest.mark.parametrize("retry_after", ["soon", "\u00b2", "-1", "9" * 400, "1e3", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_wait_that_cannot_be_understood_is_a_refusal(retry_after: str) -> None:
    headers = [(b"Content-Type", b"application/problem+json"), (b"Retry-After", retry_after.encode("latin-1"))]
    wire = Wire(httpx2.Response(429, headers=headers, content=problem(429).content))
    with pytest.raises(errors.Busy):
        wire.transport.send("GET", "/")
    assert wire.pauses == []


def test_a_request_that_is_sent_once_neither_waits_nor_retries() -> None:
    for answer in (too_many("1"), problem(503), httpx2.ConnectError("refused")):
        wire = Wire(answer)
        with pytest.raises((errors.Busy, errors.Unreachable)):
            wire.transport.send("GET", "/", once=True)
        assert (len(wire.requests), wire.pauses) == (1, [])
