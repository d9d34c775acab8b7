"""Health, metrics, request ids and the log: what whoever runs a registry sees of it."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import text

from benchmarks.harness.served_registry import serve
from firsthand.http import credentials
from service.app import create_app
from service.settings import Settings
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import digests
from tests.service.wire import samples


@on_both
def test_alive_and_ready(registry: Registry, stranger: httpx2.Client) -> None:
    assert stranger.get("/healthz").json() == {"status": "alive"}
    assert stranger.get("/readyz").json() == {"status": "ready"}
    assert registry.client().health()
    assert registry.client().ready()


@pytest.mark.slow
@on_both
def test_a_database_that_was_migrated_away_below_it_makes_it_unready_and_says_what_helps(
    empty_database: Settings,
) -> None:
    with TestClient(create_app(empty_database)) as client:
        database = Database(empty_database)
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '20990101_later'"))
        database.close()
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "has revision 20990101_later" in answer.json()["detail"]
        assert "Run: firsthand migrate" in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_requests_are_counted_by_the_template_of_their_route(registry: Registry, http: httpx2.Client) -> None:
    for name in ("a", "b", "c"):
        http.put(f"/v1/datasets/local/{name}", json={})
    http.get("/v1/datasets/local/none")
    for path in ("/nowhere", "/v1/datasets/x/y/z"):
        http.get(path)
    http.request("BREW", "/v1/statistics")
    counted = samples(http, "firsthand_requests_total")
    dataset = "/v1/datasets/{organization}/{name}"
    assert counted["PUT", dataset, "201"] == 3
    assert counted["GET", dataset, "404"] == 1
    assert counted["GET", "none", "404"] == 2
    assert counted["other", "/v1/statistics", "405"] == 1
    assert not [labels for labels in counted if "local" in labels[1]]
    seconds = samples(http, "firsthand_request_seconds_count")
    assert seconds["PUT", dataset] == 3


def test_items_are_counted_by_kind_of_call(http: httpx2.Client) -> None:
    raw, template = {"Content-Type": "application/octet-stream"}, "/v1/datasets/local/texts/registrations?origin=human"
    http.put("/v1/datasets/local/texts", json={})
    http.post(template, content=digests(range(3)).tobytes(), headers=raw)
    http.post("/v1/lookups", content=digests(range(5)).tobytes(), headers=raw)
    assert samples(http, "firsthand_items_total") == {("lookups",): 5, ("registrations",): 3}


def test_two_registries_in_one_process_count_apart(registry: Registry, http: httpx2.Client) -> None:
    http.get("/v1/organizations")
    with TestClient(create_app(registry.settings)) as other:
        assert samples(other, "firsthand_requests_total") == {}


def test_the_id_that_a_caller_gives_comes_back_and_else_a_new_one(stranger: httpx2.Client) -> None:
    def given(id_: str, path: str = "/v1/organizations") -> str:
        return str(stranger.get(path, headers=[(b"X-Request-ID", id_.encode("latin-1"))]).headers["x-request-id"])

    assert given("batch-17/retry 2") == "batch-17/retry 2"
    assert given("of-an-error", "/nowhere") == "of-an-error"
    assert given("x" * 100) == "x" * 100
    for unfit in ("x" * 101, "é", "a\tb"):
        assert len(given(unfit)) == 32
    fresh = {stranger.get("/healthz").headers["x-request-id"] for _ in range(5)}
    assert len(fresh) == 5


@pytest.mark.slow
def test_the_log_is_lines_of_json_each_with_the_id_of_its_request(tmp_path: Path) -> None:
    with serve(tmp_path, FIRSTHAND_LOG_FORMAT="json") as served:
        key = credentials.load().registries[served.url].api_key
        with httpx2.Client(base_url=served.url, headers={"Authorization": f"Bearer {key}"}) as http:
            http.get("/v1/organizations?limit=5", headers={"X-Request-ID": "first"})
            fresh = http.put("/v1/datasets/other/texts", json={}).headers["x-request-id"]
            for quiet in ("/healthz", "/readyz", "/metrics"):
                http.get(quiet, headers={"X-Request-ID": "of a probe"})
            issued = http.post("/v1/keys", json={"organization": "local"}).json()["key"]
            http.get("/v1/keys/current", headers={"Authorization": f"Bearer {issued}"})
            http.get("/v1/keys/current", headers={"Authorization": f"Bearer {issued}x"})
        written = served.stop()
    lines: list[dict[str, Any]] = [json.loads(line) for line in written.splitlines()]
    assert all(datetime.fromisoformat(line["timestamp"]).tzinfo and line["level"] for line in lines)
    requests = [line for line in lines if line["event"] == "request"]
    logged = [(line["request_id"], line["method"], line["path"], line["status"]) for line in requests]
    assert logged[:2] == [("first", "GET", "/v1/organizations", 200), (fresh, "PUT", "/v1/datasets/other/texts", 403)]
    assert [status for *_, status in logged[2:]] == [201, 200, 401]
    assert all(line["milliseconds"] > 0 for line in requests)
    # neither the key of the caller, nor one that was issued, nor one that was refused
    for secret in (key, issued):
        assert secret.split("_", 2)[2] not in written


def test_what_failed_is_in_the_log_with_what_raised_and_the_id_that_the_caller_was_given(
    registry: Registry, http: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    unreadable = f"/v1/mixes/{'0' * 32}"
    database = Database(registry.settings)
    with database.engine.begin() as connection:
        connection.execute(text("INSERT INTO mixes VALUES (:id, 1, 'no recipe', '{}', 0, NULL)"), {"id": "0" * 32})
    database.close()
    answer = http.get(unreadable, headers={"X-Request-ID": "the-one"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "the-one")
    (line,) = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert (line["event"], line["path"], line["request_id"]) == ("request failed", unreadable, "the-one")
    assert isinstance(line["exc_info"], ValidationError)
    assert "no recipe" not in answer.text
