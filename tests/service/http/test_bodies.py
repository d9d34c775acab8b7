"""Bodies: nothing of one is read before the caller is known; how large, how slow and how many they may be."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest
from fastapi.routing import APIRoute

from firsthand import Digested
from service.app import ROUTERS
from service.http import bodies
from service.http.bodies import BodyMemory, Limit
from service.http.limits.fair_pool import FairPool
from service.http.uploads import UploadSlots
from service.settings import Settings
from tests.conftest import Registry
from tests.factories import digest, digests
from tests.service.wire import BULK, chunk, connected, head

RAW, JSON = "application/octet-stream", "application/json"

PARAMETERS = {"organization": "local", "name": "texts", "version": "1", "id": "0" * 12}


def routes() -> list[tuple[str, str, Limit | None]]:
    """The calls that are no GET, with the limits of their bodies."""
    return [
        (method, re.sub(r"\{(\w+)\}", lambda name: PARAMETERS[name[1]], route.path), bodies.limit_of(route))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
        if method != "GET"
    ]


def begun(registry: Registry, method: str, path: str, length: int, key: str = "") -> bytes:
    """The first bytes of the answer to a request of which only the head is sent."""
    with connected(registry.url) as caller:
        sent = head(key, path, JSON, length).replace(b"POST", method.encode(), 1)
        caller.sendall(sent if key else sent.replace(b"Authorization: Bearer \r\n", b""))
        return caller.recv(65_536)


@pytest.mark.parametrize("settings", [{"public_read": False}], indirect=True)
def test_every_call_refuses_a_stranger_before_any_of_the_body_comes(registry: Registry) -> None:
    calls = routes()
    assert len(calls) >= 12
    reading = registry.client().create_key("local", scopes=["read"]).key
    for method, path, limit in calls:
        assert limit is not None, f"{method} {path} does not say how large a body it reads"
        assert begun(registry, method, path, 1_000).startswith(b"HTTP/1.1 401 "), (method, path)
        assert begun(registry, method, path, 1_000, "unknown").startswith(b"HTTP/1.1 401 "), (method, path)
        if path not in ("/v1/lookups", "/v1/mixes"):
            assert begun(registry, method, path, 1_000, reading).startswith(b"HTTP/1.1 403 ") or method == "DELETE"


def test_every_body_is_received_by_the_limits_and_no_other_way(registry: Registry, settings: Settings) -> None:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            assert route.body_field is None, f"FastAPI reads the body of {route.path} before it knows the caller"
    for method, path, limit in routes():
        assert limit is not None
        answer = begun(registry, method, path, limit.bytes(settings) + 1, registry.api_key)
        assert answer.startswith(b"HTTP/1.1 413 "), (method, path)


def test_the_limits_are_those_that_the_documents_name(settings: Settings) -> None:
    limits = {f"{method} {path}": limit.bytes(settings) for method, path, limit in routes() if limit}
    assert limits["POST /v1/lookups"] == limits["POST /v1/withdrawals"] == 10 * 2**20
    assert limits["POST /v1/mixes"] == 2**20
    assert limits["POST /v1/registrations:batch"] == 64 * 2**20
    assert limits["POST /v1/keys"] == limits["PUT /v1/models/local/texts/1"] == 64 * 2**10


def test_json_that_is_deep_or_has_many_values_is_refused_in_words(stranger: httpx2.Client) -> None:
    for path in ("/v1/mixes", "/v1/lookups"):
        for body, status, words in (
            (b"[" * 100_000, 400, "more than 32 nested levels"),
            (b"[" + b"[]," * 300_000 + b"[]]", 422, "values"),
            (b'{"parts": [\xff]}', 400, "is not JSON"),
            (b'{"parts": ["\\ud800"]}', 400, "is not JSON"),
        ):
            answer = stranger.post(path, content=body, headers={"Content-Type": JSON})
            assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text[:500]
    answer = stranger.post("/v1/mixes", content=b'{"parts": [{}]}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert stranger.post("/v1/mixes", headers={"Content-Type": JSON}).json()["errors"][0]["where"] == "body"


def test_a_body_of_many_errors_is_answered_with_the_first_of_them(stranger: httpx2.Client) -> None:
    body = {"dry_run": True, "parts": [{f"field{n}": 1 for n in range(5_000)}]}
    answer = stranger.post("/v1/mixes", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100


@pytest.mark.parametrize("settings", [{"body_grace_seconds": 0.3, "body_least_rate": 10_000}], indirect=True)
class TestSlowBodies:
    """A registry that waits 0.3 seconds, and then wants 10,000 bytes per second."""

    @pytest.mark.parametrize("path", [BULK, "/v1/lookups", "/v1/organizations", "/v1/registrations:batch"])
    def test_a_body_that_stops_is_408_and_its_connection_is_closed(self, registry: Registry, path: str) -> None:
        with connected(registry.url) as caller:
            caller.sendall(head(registry.api_key, path, JSON, 1_000) + b'{"digests": [')
            answer = received(caller)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert b"The body came too slowly: 13 bytes in " in answer

    def test_a_body_that_comes_at_the_least_rate_is_read(self, registry: Registry, http: httpx2.Client) -> None:
        http.put("/v1/datasets/local/texts", json={})
        whole = digests(range(1_000)).tobytes()
        with connected(registry.url) as caller:
            caller.sendall(head(registry.api_key, BULK, RAW) + chunk(whole) + chunk(b""))
            assert caller.recv(65_536).startswith(b"HTTP/1.1 201 ")


def received(caller: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    content = b""
    while piece := caller.recv(65_536):
        content += piece
    return content


def test_a_slow_body_holds_no_transaction(registry: Registry, http: httpx2.Client) -> None:
    """SQLite has one writer at a time: a request that waits for its body must not be that one."""
    issued = http.post("/v1/keys", json={"organization": "local"}).json()["id"]
    slow = [
        ("DELETE", f"/v1/keys/{issued}"),
        ("POST", "/v1/organizations"),
        ("POST", "/v1/withdrawals"),
        ("POST", BULK),
    ]
    with ExitStack() as open_connections:
        for method, path in slow:
            caller = open_connections.enter_context(connected(registry.url))
            begun_head = head(registry.api_key, path, JSON, 100, Expect="100-continue", Idempotency_Key="once")
            caller.sendall(begun_head.replace(b"POST", method.encode(), 1))
            assert caller.recv(65_536).startswith(b"HTTP/1.1 100 ")
            caller.sendall(b"{")
        assert http.put("/v1/datasets/local/texts", json={}).status_code == 201


class TestShares:
    """A registry with two bulk slots and room for little."""

    @pytest.fixture
    def empty_database(self, empty_database: Settings) -> Settings:
        return empty_database.model_copy(update={"bulk_slots": 2, "max_body_memory": 4 * 2**20})

    @pytest.fixture
    def open_connections(self) -> Iterator[ExitStack]:
        with ExitStack() as stack:
            yield stack

    def test_one_organization_leaves_a_slot_to_the_others(
        self, registry: Registry, http: httpx2.Client, open_connections: ExitStack
    ) -> None:
        other = registry.join("other")
        for client in (registry.client(), other):
            client.put_dataset(f"{client.whoami().organization}/texts")
        slow = open_connections.enter_context(connected(registry.url))
        slow.sendall(head(registry.api_key, BULK, RAW, Expect="100-continue"))
        assert slow.recv(65_536).startswith(b"HTTP/1.1 100 ")
        refused = http.post(BULK, content=iter([bytes(32)]), headers={"Content-Type": RAW})
        assert refused.status_code == 503
        assert "Your organization already sends the maximum number" in refused.json()["detail"]
        theirs = other.register("other/texts", Digested(digests(range(5_000))), origin="human")
        assert theirs[0].items == 5_000
        slow.sendall(chunk(digest(0)) + chunk(b""))
        assert slow.recv(65_536).startswith(b"HTTP/1.1 201 ")

    def test_bodies_without_a_key_leave_room_to_those_with_one(
        self, registry: Registry, http: httpx2.Client, stranger: httpx2.Client, open_connections: ExitStack
    ) -> None:
        half = json.dumps({"digests": [f"sha256:{'0' * 64}"] * 10_000}).encode()[: 800 * 1024]
        slow = open_connections.enter_context(connected(registry.url))
        slow.sendall(head(registry.api_key, "/v1/lookups", RAW).replace(registry.api_key.encode(), b"") + chunk(half))
        anonymous = head("", "/v1/lookups", JSON).replace(b"Authorization: Bearer \r\n", b"")
        first = open_connections.enter_context(connected(registry.url))
        first.sendall(anonymous + chunk(half))
        second = open_connections.enter_context(connected(registry.url))
        second.sendall(anonymous + chunk(half))
        refused = second.recv(65_536)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in refused.lower()
        assert stranger.post("/v1/lookups", content=digest(0), headers={"Content-Type": RAW}).status_code == 200
        large = digests(range(30_000)).tobytes()
        assert http.post("/v1/lookups", content=large, headers={"Content-Type": RAW}).status_code == 200


def test_a_holder_takes_all_but_what_is_kept_for_others() -> None:
    pool = FairPool(4, kept_for_others=1)
    assert [pool.take("a", 1) for _ in range(4)] == [True, True, True, False]
    assert [pool.take("b", 1), pool.take("b", 1)] == [True, False]
    pool.give("a", 1)
    assert pool.take("b", 1)
    for holder in ("a", "a", "b", "b"):
        pool.give(holder, 1)
    assert pool.free == 4
    assert [UploadSlots(slots).take("a", slots) for slots in (1, 2, 4)] == [True, False, False]


def test_memory_of_callers_without_a_key_is_a_quarter() -> None:
    memory = BodyMemory(400)
    assert memory.take_for(None, 100)
    assert not memory.take_for(None, 1)
    memory.give(None, 100)
    assert memory.free == 400
