"""Keys: what each scope opens, how they are kept, how they end. That none is in the log, test_health.py sees."""

import sqlite3
from hashlib import sha256
from typing import Any

import httpx2
import pytest

from firsthand import errors
from firsthand.schemas.organizations import Scope
from service.settings import Settings
from tests.conftest import Registry, on_both

#: A call of each scope: method, path, body.
CALLS: dict[str, tuple[str, str, Any]] = {
    "read": ("GET", "/v1/organizations", None),
    "write": ("PUT", "/v1/datasets/local/texts", {}),
    "admin": ("POST", "/v1/organizations", {"name": "acme"}),
}

#: Every call that answers what is known, by its route.
READING = {
    "/v1/organizations": ["GET"], "/v1/datasets": ["GET"], "/v1/datasets/{organization}/{name}": ["GET"],
    "/v1/models": ["GET"], "/v1/models/{organization}/{name}/{version}": ["GET"],
    "/v1/registrations/{id}": ["GET"], "/v1/registrations/{id}/digests": ["GET"],
    "/v1/lookups": ["POST"], "/v1/items/{digest}": ["GET"],
    "/v1/mixes": ["POST"], "/v1/mixes/{id}": ["GET"], "/v1/mixes/{id}/digests": ["GET"],
    "/v1/mixes/{id}/diff": ["GET"],
    "/v1/snapshots": ["GET"], "/v1/snapshots/{id}": ["GET"], "/v1/snapshots/{id}/shards/{shard}": ["GET"],
    "/v1/statements": ["GET"], "/v1/statements/{position}": ["GET"], "/v1/statistics": ["GET"],
}  # fmt: skip


def call(registry: Registry, scope: str, key: str | None) -> httpx2.Response:
    method, path, body = CALLS[scope]
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx2.request(method, registry.url + path, json=body, headers=headers)


@pytest.mark.parametrize("needed", ["write", "admin"])
def test_a_call_that_writes_needs_a_key_and_says_of_which_scope(registry: Registry, needed: str) -> None:
    answer = call(registry, needed, None)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:firsthand:problem:unauthorized"
    assert f"scope {needed}" in answer.json()["detail"]
    assert not list(registry.client().datasets())


def test_reading_is_open_unless_the_registry_says_otherwise(registry: Registry) -> None:
    assert call(registry, "read", None).status_code == 200
    assert call(registry, "read", registry.client().create_key("local", scopes=["write"]).key).status_code == 200


class TestClosed:
    """FIRSTHAND_PUBLIC_READ=false."""

    @pytest.fixture
    def empty_database(self, empty_database: Settings) -> Settings:
        return empty_database.model_copy(update={"public_read": False})

    @pytest.mark.parametrize("held", ["read", "write", "admin"])
    def test_a_key_opens_the_calls_of_its_scopes_alone(self, registry: Registry, held: Scope) -> None:
        key = registry.client().create_key("local", scopes=[held]).key
        for needed in CALLS:
            answer = call(registry, needed, key)
            if needed == held:
                assert answer.is_success
            else:
                assert answer.status_code == 403
                assert answer.json()["type"] == "urn:firsthand:problem:forbidden"
                refusal = f"This call needs the scope {needed}; this API key has only: {held}."
                assert answer.json()["detail"].startswith(refusal)

    def test_reading_needs_a_key(self, registry: Registry) -> None:
        answer = call(registry, "read", None)
        assert answer.status_code == 401
        assert "scope read" in answer.json()["detail"]

    def test_no_reading_call_is_left_open(self, stranger: httpx2.Client) -> None:
        documented = stranger.get("/openapi.json").json()["paths"]
        paths = {path for path, calls in documented.items() if "get" in calls and path.startswith("/v1/")}
        assert paths - {"/v1/keys", "/v1/keys/current"} == {path for path in READING if "GET" in READING[path]}
        values = {
            "organization": "local",
            "name": "m",
            "version": "1",
            "digest": "0" * 64,
            "position": "1",
            "shard": "00",
        }
        for path in READING:
            ids = values | {"id": "1" if path.startswith("/v1/registrations") else "0" * 32}
            body: Any = {"parts": [{}]} if path == "/v1/mixes" else None
            for method in READING[path]:
                assert method.lower() in documented[path]
                assert stranger.request(method, path.format(**ids), json=body).status_code == 401, (method, path)

    def test_whether_it_is_alive_is_no_secret(self, stranger: httpx2.Client) -> None:
        assert [stranger.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]


@on_both
def test_a_key_that_is_not_known_is_refused_also_where_none_is_needed(
    registry: Registry, stranger: httpx2.Client
) -> None:
    _, id_, secret = registry.api_key.split("_", 2)
    unknown = f"fh_000000000000_{secret}"
    for wrong in ("nonsense", "fh_", unknown, "fh_é_ü", id_, f"fh_{id_}_", f"fh_{id_}_{secret[:-1]}"):
        header = f"Bearer {wrong}".encode("latin-1")
        answer = stranger.get("/v1/organizations", headers=[(b"Authorization", header)])
        assert answer.status_code == 401, wrong
        assert "firsthand login" in answer.json()["detail"]


@on_both
def test_a_revoked_key_opens_nothing_and_the_log_says_when(registry: Registry) -> None:
    admin = registry.client()
    issued = admin.create_key("local", name="of the crawler")
    revoked = admin.revoke_key(issued.id)
    answer = call(registry, "write", issued.key)
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]
    assert call(registry, "read", issued.key).status_code == 401
    statement = admin.statement(revoked.position)
    assert (statement.kind, statement.organization, statement.body["key"]) == ("revocation", "local", issued.id)
    every_key = admin.keys()
    assert [key.revoked_at for key in every_key if key.id == issued.id] == [statement.recorded_at]


def test_a_revocation_whose_answer_was_lost_is_answered_again(registry: Registry) -> None:
    issued = registry.client().create_key("local")
    headers = {"Authorization": f"Bearer {registry.api_key}", "Idempotency-Key": "once"}
    first, again = (httpx2.delete(f"{registry.url}/v1/keys/{issued.id}", headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()


def test_a_key_is_revoked_once(registry: Registry) -> None:
    admin = registry.client()
    issued = admin.create_key("local")
    admin.revoke_key(issued.id)
    head = admin.statistics().now.position
    with pytest.raises(errors.Conflict, match="is already revoked"):
        admin.revoke_key(issued.id)
    with pytest.raises(errors.NotFound, match="There is no key"):
        admin.revoke_key("0" * 12)
    assert admin.statistics().now.position == head


def test_a_key_is_shown_in_the_answer_that_issues_it_and_nowhere_else(registry: Registry, http: httpx2.Client) -> None:
    issued = http.post("/v1/keys", json={"organization": "local", "scopes": ["read"]}).json()
    secret = issued["key"].removeprefix(f"fh_{issued['id']}_")
    assert len(secret) == 43  # 256 bits
    with registry.client(issued["key"]) as client:
        assert client.whoami().id == issued["id"]
    for path in ("/v1/keys", "/v1/statements", "/v1/organizations"):
        assert secret not in http.get(path).text


def test_two_posts_of_one_key_are_two_keys_also_under_one_idempotency_key(http: httpx2.Client) -> None:
    request = {"organization": "local"}
    issued = [http.post("/v1/keys", json=request, headers={"Idempotency-Key": "a"}).json()["key"] for _ in range(2)]
    assert issued[0] != issued[1]


def test_a_database_that_is_stolen_holds_no_key(registry: Registry) -> None:
    _, id_, secret = registry.api_key.split("_", 2)
    connection = sqlite3.connect(registry.data_dir / "firsthand.sqlite")
    (stored,) = connection.execute("SELECT secret FROM keys WHERE id = ?", [id_]).fetchone()
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert stored == sha256(secret.encode()).digest()
    assert secret not in dump
    assert secret.encode().hex() not in dump.lower()


@on_both
def test_whoami_says_whose_key_it_is_and_what_it_may(registry: Registry) -> None:
    key = registry.join("acme").whoami()
    assert (key.organization, key.scopes, key.revoked_at) == ("acme", ["read", "write"], None)
    assert httpx2.get(f"{registry.url}/v1/keys/current").status_code == 401
