"""Every refusal has one shape: `application/problem+json` (RFC 9457) with these members, and no others.

type      `urn:firsthand:problem:<slug>`, one for each class of `service/errors.py`; programs decide by it
title     a few words, the same for every problem of that type
status    the status of the answer
detail    what is wrong here and what to do next, for a person
instance  the path of the request
errors    a list of {where, message}, each one thing that is wrong: `where` is a place in the request (`body.name`,
          `query.limit`, `row 17`); empty where there is no place to name

Beside it, 401 carries `WWW-Authenticate`, 405 `Allow`, 503 `Retry-After`; and, as every answer, all `X-Request-ID`.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from benchmarks.harness.waiting import wait_until
from service import errors, logging_setup
from service.app import create_app
from service.settings import Settings
from service.storage.engine import Database
from tests.conftest import Registry, database_at, on_both
from tests.factories import digests
from tests.service.wire import BULK, KINDS, check, chunk, connected, head

RAW, JSON = {"Content-Type": "application/octet-stream"}, {"Content-Type": "application/json"}


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^[├└]── (\w+) +(\d+)", errors.__doc__ or "", re.MULTILINE)
    assert [(kind.__name__, str(kind.status)) for kind in errors.Refusal.__subclasses__()] == drawn


def test_no_two_errors_have_one_status_or_one_type() -> None:
    assert len({kind.slug for kind in KINDS.values()}) == len({kind.status for kind in KINDS.values()}) == 16


@pytest.fixture
def raising(empty_database: Settings) -> Iterator[TestClient]:
    """The application with one more route, which raises what it is asked to."""
    logging_setup.set_up("json")
    app = create_app(empty_database)

    @app.get("/raise/{name}")
    def fail(name: str) -> None:
        kind = getattr(errors, name, None)
        raise kind("Something is wrong; do something else.") if kind else ZeroDivisionError("a secret of the code")

    with TestClient(app) as client:
        yield client


@pytest.mark.slow
def test_every_error_of_the_tree_is_answered_in_the_one_shape(raising: TestClient) -> None:
    for kind in KINDS.values():
        if kind.status == 405:
            check(raising.delete("/raise/MethodNotAllowed"), 405)
        else:
            detail = check(raising.get(f"/raise/{kind.__name__}"), kind.status)
            assert detail == "Something is wrong; do something else."


@pytest.mark.slow
def test_an_unexpected_error_has_the_one_shape_and_reveals_nothing(
    raising: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = raising.get("/raise/nothing", headers={"X-Request-ID": "the-one"})
    check(answer, 500)
    assert answer.headers["x-request-id"] == "the-one"
    assert "secret" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_what_is_not_valid_is_named_by_its_place(http: httpx2.Client) -> None:
    check(http.post("/v1/organizations", json={}), 422, "body.name")
    check(http.post("/v1/organizations", json={"name": "acme", "titel": "x"}), 422, "body.titel")
    check(http.post("/v1/organizations", json={"name": "Not a name"}), 422, "body.name")
    check(http.post("/v1/mixes", json={"parts": [{}, {"share": 2}]}), 422, "body.parts.1.share")
    check(http.get("/v1/organizations?limit=0"), 422, "query.limit")
    check(http.get("/v1/registrations/one"), 422, "path.id")
    check(http.get("/v1/items/00"), 422, "path.digest")
    check(http.post("/v1/organizations", json={"name": "acme"}, headers={"Idempotency-Key": "a b"}), 422)
    check(http.post(BULK.partition("?")[0], content=bytes(32), headers=RAW), 422, "query.origin")
    assert http.get("/v1/statements").json()["items"][-1]["position"] == 1


def test_everything_that_is_wrong_is_named_at_once(http: httpx2.Client) -> None:
    answer = http.post("/v1/organizations", json={"title": 1, "x": 2})
    assert {error["where"] for error in answer.json()["errors"]} == {"body.name", "body.title", "body.x"}


def test_a_call_that_does_not_exist_is_404_and_says_where_the_calls_are_listed(stranger: httpx2.Client) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/v2/organizations", "/healthz/more"):
        assert "/docs" in check(stranger.get(path), 404)


def test_a_thing_that_does_not_exist_is_404_and_named(http: httpx2.Client) -> None:
    unknown = "0" * 32
    for path, named in {
        "/v1/datasets/local/none": "local/none", "/v1/models/local/none/1": "local/none@1",
        "/v1/registrations/77": "77", "/v1/registrations/77/digests": "77", "/v1/statements/77": "77",
        f"/v1/mixes/{unknown}": unknown, f"/v1/mixes/{unknown}/digests": unknown,
    }.items():  # fmt: skip
        assert named in check(http.get(path), 404)
    check(http.delete("/v1/keys/000000000000"), 404)
    check(http.post("/v1/keys", json={"organization": "none"}), 404)
    check(http.post(BULK, content=bytes(32), headers=RAW), 404)
    check(http.post("/v1/withdrawals", json={"statement": 77}), 404)
    check(http.post("/v1/disputes", json={"registration": 77}), 404)


def test_a_method_that_is_not_there_is_405_and_says_which_are(http: httpx2.Client) -> None:
    for method, path in (("PATCH", "/v1/organizations"), ("DELETE", "/healthz"), ("POST", "/v1/statistics")):
        answer = http.request(method, path)
        check(answer, 405)
        assert method not in answer.headers["allow"]


def test_an_unknown_content_type_is_415_and_lists_the_known_ones(http: httpx2.Client) -> None:
    http.put("/v1/datasets/local/texts", json={})
    for path in (BULK, "/v1/lookups"):
        for headers in ({"Content-Type": "text/csv"}, {"Content-Type": ""}, {}):
            assert "application/octet-stream" in check(http.post(path, content=bytes(32), headers=headers), 415)


def test_a_body_that_is_not_json_is_400(http: httpx2.Client) -> None:
    http.put("/v1/datasets/local/texts", json={})
    cut, other, encoding = b'{"digests": ["0', b"digests=0", b'{"digests": ["\xff"]}'
    for body in (cut, other, encoding):
        for path in (BULK, "/v1/lookups", "/v1/organizations", "/v1/mixes", "/v1/withdrawals"):
            check(http.post(path, content=body, headers=JSON), 400)
        check(http.put("/v1/models/local/m/1", content=body, headers=JSON), 400)
    for path in (BULK, "/v1/lookups"):
        check(http.post(path, headers=JSON), 400)
    assert "15 bytes, is not JSON: it ends too early" in check(
        http.post("/v1/organizations", content=b'{"name": "acme"', headers=JSON), 400
    )
    assert http.get("/v1/statistics").json()["now"]["position"] == 2


def test_json_that_is_nested_without_end_fails_the_caller_and_not_the_service(http: httpx2.Client) -> None:
    http.put("/v1/datasets/local/texts", json={})
    deep = b'{"digests": ' + b"[" * 60_000
    for path in (BULK, "/v1/lookups", "/v1/organizations", "/v1/mixes", "/v1/disputes"):
        answer = http.post(path, content=deep, headers=JSON)
        check(answer, answer.status_code)
        assert answer.status_code in (400, 422)


def test_json_of_another_shape_is_422(http: httpx2.Client) -> None:
    http.put("/v1/datasets/local/texts", json={})
    for body in (b"[]", b"null", b"7", b'"x"', b'{"digests": 7}', b'{"digests": [7]}', b'{"digests": ["x"]}'):
        for path in (BULK, "/v1/lookups", "/v1/organizations", "/v1/mixes"):
            check(http.post(path, content=body, headers=JSON), 422)


@contextmanager
def in_the_middle(registry: Registry) -> Iterator[socket.socket]:
    """A caller whose bulk body, in chunks, the service has begun to read: it has said so."""
    with connected(registry.url) as caller:
        caller.sendall(head(registry.api_key, BULK, "application/octet-stream", Expect="100-continue"))
        assert caller.recv(65_536).startswith(b"HTTP/1.1 100 ")
        yield caller


class TestLimits:
    """A registry that takes 6,400 bytes in bulk, 2,000 elsewhere, and one bulk body at a time."""

    @pytest.fixture
    def empty_database(self, empty_database: Settings) -> Settings:
        return empty_database.model_copy(update={"max_bulk_bytes": 6_400, "max_json_bytes": 2_000, "bulk_slots": 1})

    @pytest.fixture(autouse=True)
    def _dataset(self, http: httpx2.Client) -> None:
        http.put("/v1/datasets/local/texts", json={})

    def test_what_fills_the_limit_is_taken_and_a_byte_more_is_413(self, http: httpx2.Client) -> None:
        full = digests(range(200)).tobytes()
        assert http.post(BULK, content=full, headers=RAW).json()["items"] == 200
        assert "6,400" in check(http.post(BULK, content=full + b"x", headers=RAW), 413)
        name = '{"name": "acme", "title": "%s"}'
        fits = name % ("x" * (2_000 - len(name) + 2))
        assert http.post("/v1/organizations", content=fits, headers=JSON).status_code == 201
        assert "2,000" in check(http.post("/v1/organizations", content=fits + " ", headers=JSON), 413)
        assert http.post("/v1/lookups", content=full[:1_984], headers=RAW).status_code == 200
        check(http.post("/v1/lookups", content=full[:2_016], headers=RAW), 413)

    @pytest.mark.parametrize("path", [BULK, "/v1/lookups", "/v1/organizations"])
    def test_a_body_that_says_it_is_too_long_is_refused_before_any_of_it_is_read(
        self, registry: Registry, path: str
    ) -> None:
        with connected(registry.url) as caller:
            caller.sendall(head(registry.api_key, path, "application/json", 10**12))
            answer = caller.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"application/problem+json" in answer

    @pytest.mark.parametrize("path", [BULK, "/v1/lookups", "/v1/organizations"])
    def test_a_body_that_does_not_say_is_refused_as_soon_as_it_is_over(self, registry: Registry, path: str) -> None:
        with connected(registry.url) as caller:
            caller.sendall(head(registry.api_key, path, "application/json") + chunk(b" " * 1_000) * 7)
            assert caller.recv(65_536).startswith(b"HTTP/1.1 413 ")  # and the body has not ended

    def test_a_bulk_body_over_the_limit_of_slots_is_503_with_retry_after(
        self, registry: Registry, http: httpx2.Client
    ) -> None:
        body = digests(range(100)).tobytes()
        with in_the_middle(registry) as slow:
            slow.sendall(chunk(body[:1_000]))
            refused = http.post(BULK, content=iter([bytes(32)]), headers=RAW)
            check(refused, 503)
            assert int(refused.headers["retry-after"]) >= 1
            assert http.get("/v1/statistics").status_code == 200  # whoever only asks is not kept waiting
            slow.sendall(chunk(body[1_000:]) + chunk(b""))
            assert slow.recv(65_536).startswith(b"HTTP/1.1 201 ")
        assert http.post(BULK, content=iter([bytes(32)]), headers=RAW).status_code == 201

    def test_a_caller_that_disconnects_stores_nothing_and_frees_its_slot(
        self, registry: Registry, http: httpx2.Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        with in_the_middle(registry) as slow:
            slow.sendall(chunk(bytes(1_000)))
            check(http.post(BULK, content=iter([bytes(32)]), headers=RAW), 503)
        position = http.get("/v1/statistics").json()["now"]["position"]
        answers = []

        def taken() -> bool:
            answers.append(http.post(BULK, content=iter([bytes(32)]), headers=RAW))
            return answers[-1].status_code == 201

        wait_until(taken, "the place is given back")
        assert answers[-1].json()["id"] == position + 1
        assert not [record for record in caplog.records if record.levelname == "ERROR"]


@contextmanager
def away(settings: Settings, app: FastAPI) -> Iterator[None]:
    """The database cannot be reached: its folder has another name, or its server takes nobody."""
    database: Database = app.state.shared.get(Database)
    if settings.embedded:
        elsewhere = settings.data_dir.with_name("elsewhere")
        database.close()
        settings.data_dir.rename(elsewhere)
        yield
        elsewhere.rename(settings.data_dir)
        return
    server, name = str(settings.database_url), database.engine.url.database
    with psycopg.connect(database_at(server, "postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@pytest.mark.slow
@on_both
def test_while_the_database_is_away_every_call_is_503_and_after_that_all_is_well(empty_database: Settings) -> None:
    app = create_app(empty_database)
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
        with away(empty_database, app):
            for path in ("/readyz", "/v1/organizations", "/v1/statistics", f"/v1/items/{'0' * 64}"):
                check(client.get(path), 503)
            check(client.post("/v1/mixes", json={"parts": [{}], "dry_run": True}), 503)
            check(client.post("/v1/organizations", json={"name": "acme"}, headers={"Authorization": "Bearer x"}), 503)
            assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/organizations").json() == {"items": [], "next": None}
