"""Keys: how they are created once, kept, rotated, and how they end. That none is in the log, test_health.py sees.

What each scope may call, tests/service/test_access.py compares with the declared matrix.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from firsthand import Client, errors
from firsthand.schemas.organizations import Key
from service.storage import key_uses
from service.storage.api_keys import StoredKey, derived_key, new_key
from service.storage.engine import Database
from service.storage.key_uses import KeyUses
from tests.conftest import Registry, on_both

#: A call of each scope: method, path, body.
CALLS: dict[str, tuple[str, str, Any]] = {
    "read": ("GET", "/v1/organizations", None),
    "write": ("PUT", "/v1/datasets/local/texts", {}),
    "admin or operator": ("GET", "/v1/keys", None),
    "operator": ("POST", "/v1/organizations", {"name": "acme"}),
}


def call(registry: Registry, scope: str, key: str | None) -> httpx2.Response:
    method, path, body = CALLS[scope]
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx2.request(method, registry.url + path, json=body, headers=headers)


@pytest.mark.parametrize("needed", ["write", "admin or operator", "operator"])
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


def posted(http: httpx2.Client, path: str = "/v1/keys", body: Any = None, **headers: str) -> httpx2.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post(path, json=body or {"organization": "local"}, headers=given)


@on_both
def test_a_key_whose_answer_was_lost_is_answered_again_and_exists_once(registry: Registry, http: httpx2.Client) -> None:
    answers = [posted(http, Idempotency_Key="a") for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    issued = answers[0].json()
    with registry.client(issued["key"]) as client:
        assert client.whoami().id == issued["id"]
    assert len(list(registry.client().keys())) == 2
    assert posted(http).json()["key"] != posted(http).json()["key"]  # without the header, two requests are two keys
    another = posted(http, body={"organization": "local", "name": "another"}, Idempotency_Key="a")
    assert another.status_code == 422


def test_a_key_is_answered_again_only_to_the_key_that_created_it(registry: Registry, http: httpx2.Client) -> None:
    issued = posted(http, Idempotency_Key="a").json()
    other = registry.client().create_key("local", scopes=["read", "write", "admin"]).key
    refused = posted(http, Idempotency_Key="a", Authorization=f"Bearer {other}")
    assert refused.status_code == 409
    assert f"Another API key used this Idempotency-Key before and created the key {issued['id']}" in refused.text
    assert issued["key"].split("_", 2)[2] not in refused.text


def test_the_secret_of_a_repeated_answer_follows_from_all_of_its_parts() -> None:
    own, other, salt = new_key().key, new_key().key, bytes(32)
    first = derived_key("0" * 12, own, salt)
    assert derived_key("0" * 12, own, salt) == first
    assert len(first.key) == len(own)
    others = [
        derived_key("1" * 12, own, salt),
        derived_key("0" * 12, other, salt),
        derived_key("0" * 12, own, salt + b"1"),
    ]
    assert len({first.secret_hash, *(key.secret_hash for key in others)}) == 4


def test_nothing_of_a_repeated_answer_is_in_a_stolen_database(registry: Registry, http: httpx2.Client) -> None:
    issued = posted(http, Idempotency_Key="a").json()
    rotated = posted(http, f"/v1/keys/{issued['id']}/rotations", {"overlap": 60}, Idempotency_Key="b").json()
    connection = sqlite3.connect(registry.data_dir / "firsthand.sqlite")
    dump = "\n".join(connection.iterdump()).lower()
    connection.close()
    for secret in (issued["key"].split("_", 2)[2], rotated["key"].split("_", 2)[2]):
        assert secret.lower() not in dump
        assert secret.encode().hex() not in dump


def listed(client: Client) -> list[Key]:
    return list(client.keys())


def in_seconds(seconds: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)


def set_times(registry: Registry, key: str, **times: int | None) -> None:
    """Change the times of a key in the database, as if it had been created or used at other times."""
    database = Database(registry.settings)
    columns = ", ".join(f"{name} = :{name}" for name in times)
    with database.writes() as session:
        session.execute(text(f"UPDATE keys SET {columns} WHERE id = :id"), {"id": key, **times})
    database.close()


@on_both
def test_an_expired_key_opens_nothing_and_says_when_it_expired(registry: Registry) -> None:
    end = in_seconds(3600)
    issued = registry.client().create_key("local", "of a guest", expires_at=end)
    assert issued.expires_at == end
    assert registry.client(issued.key).whoami().expires_at == end
    set_times(registry, issued.id, expires_at=int(in_seconds(-1).timestamp()))
    for scope in ("read", "write"):
        answer = call(registry, scope, issued.key)
        assert answer.status_code == 401
        assert "This API key expired at 20" in answer.json()["detail"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    with pytest.raises(errors.Conflict, match="expired at"):
        registry.client().rotate_key(issued.id)


def test_a_key_cannot_expire_before_it_can_be_used(registry: Registry) -> None:
    with pytest.raises(errors.Refused, match=r"expires_at: .* is not in the future: the registry's clock is at"):
        registry.client().create_key("local", expires_at=in_seconds(-10))
    assert len(list(registry.client().keys())) == 1


@on_both
def test_a_rotated_key_and_the_new_one_are_both_valid_for_the_overlap(registry: Registry) -> None:
    admin = registry.client()
    old = admin.create_key("local", "nightly", scopes=["write"])
    new = admin.rotate_key(old.id, overlap=timedelta(hours=2))
    assert (new.organization, new.name, new.scopes, new.expires_at) == ("local", "nightly", ["write"], None)
    assert timedelta(hours=1, minutes=50) < new.replaced_until - datetime.now(UTC) <= timedelta(hours=2)
    for key in (old.key, new.key):
        assert call(registry, "write", key).is_success
    (replaced,) = (key for key in listed(admin) if key.id == old.id)
    assert (replaced.replaced_by, replaced.expires_at) == (new.id, new.replaced_until)
    with pytest.raises(errors.Conflict, match=f"was already replaced by the key {new.id}. Rotate the key {new.id}"):
        admin.rotate_key(old.id)
    at_once = admin.rotate_key(new.id, overlap=timedelta(0))
    assert call(registry, "write", new.key).status_code == 401
    assert call(registry, "write", at_once.key).is_success
    admin.revoke_key(at_once.id)
    with pytest.raises(errors.Conflict, match="was revoked at"):
        admin.rotate_key(at_once.id)


def test_the_replacement_of_a_key_that_expires_lives_as_long_and_the_overlap_lengthens_nothing(
    registry: Registry,
) -> None:
    admin = registry.client()
    old = admin.create_key("local", expires_at=in_seconds(7 * 86_400))
    created = int(in_seconds(-6 * 86_400).timestamp())
    set_times(registry, old.id, created_at=created, expires_at=created + 7 * 86_400)
    new = admin.rotate_key(old.id, overlap=timedelta(days=30))
    assert new.expires_at is not None
    assert abs(new.expires_at - in_seconds(7 * 86_400)) < timedelta(minutes=10)
    assert new.replaced_until.timestamp() == created + 7 * 86_400


def test_a_rotation_whose_answer_was_lost_is_answered_again(registry: Registry, http: httpx2.Client) -> None:
    old = registry.client().create_key("local")
    path = f"/v1/keys/{old.id}/rotations"
    first, again = (posted(http, path, {"overlap": 60}, Idempotency_Key="a") for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert posted(http, path, {"overlap": 60}).status_code == 409


def admin_of(registry: Registry, organization: str, *scopes: Any) -> Client:
    return registry.client(registry.client().create_key(organization, scopes=list(scopes)).key)


def test_an_administrator_gives_only_scopes_of_its_own_key(registry: Registry) -> None:
    admin = admin_of(registry, "local", "admin", "read")
    assert admin.create_key("local", scopes=["read"]).scopes == ["read"]
    with pytest.raises(errors.Forbidden, match="cannot give the scopes operator, write to another key"):
        admin.create_key("local", scopes=["write", "operator"])
    writer = registry.client().create_key("local", scopes=["write"])
    with pytest.raises(errors.Forbidden, match="cannot give the scope write to another key"):
        admin.rotate_key(writer.id)


def test_an_administrator_sees_and_ends_the_keys_of_its_own_organization_alone(registry: Registry) -> None:
    operator, theirs = registry.client(), registry.join("acme").whoami()
    admin = admin_of(registry, "local", "admin")
    assert {key.organization for key in listed(admin)} == {"local"}
    assert {key.organization for key in listed(operator)} == {"local", "acme"}
    for act in (admin.revoke_key, admin.rotate_key):
        refusals = []
        for id_ in (theirs.id, "0" * 12):  # of others, and of nobody: the answer is the same
            with pytest.raises(errors.NotFound) as refused:
                act(id_)
            refusals.append(str(refused.value).replace(id_, "ID"))
        assert refusals[0] == refusals[1]
    for organization in ("acme", "nobody"):
        with pytest.raises(errors.Forbidden, match=f"Keys of {organization} need an API key with the scope operator"):
            admin.create_key(organization, scopes=["admin"])
    assert operator.revoke_key(theirs.id).id == theirs.id


@on_both
def test_the_last_key_of_an_operator_cannot_be_revoked(registry: Registry) -> None:
    operator = registry.client()
    own = operator.whoami().id
    operator.create_key("local", scopes=["admin"])
    expired = operator.create_key("local", scopes=["operator"], expires_at=in_seconds(3600))
    set_times(registry, expired.id, expires_at=int(in_seconds(-1).timestamp()))
    with pytest.raises(errors.Conflict, match="is the last valid key with the scope operator"):
        operator.revoke_key(own)
    operator.revoke_key(expired.id)
    other = registry.client(operator.create_key("local", scopes=["operator"]).key)
    other.revoke_key(own)
    with pytest.raises(errors.Conflict, match="is the last valid key"):
        other.revoke_key(other.whoami().id)


def test_an_operators_key_is_ended_by_operators_alone(registry: Registry) -> None:
    admin = admin_of(registry, "local", "admin", "read", "write")
    for act in (admin.revoke_key, admin.rotate_key):
        with pytest.raises(errors.Forbidden, match=r"Only an API key with this scope can (revoke|rotate)"):
            act(registry.client().whoami().id)


@on_both
def test_the_last_use_is_noted_by_the_hour_and_not_by_the_request(registry: Registry) -> None:
    database, uses = Database(registry.settings), KeyUses()
    issued = registry.client().create_key("local")
    assert issued.last_used_at is None

    def last_use() -> datetime | None:
        return next(key.last_used_at for key in listed(registry.client()) if key.id == issued.id)

    def stored(last_used_at: int | None) -> StoredKey:
        return StoredKey(issued.id, 1, "local", "read", b"", None, None, last_used_at)

    uses.note(stored(None))
    assert last_use() is None  # a request writes nothing
    uses.write(database)
    first = last_use()
    assert first is not None
    recently = int(first.timestamp())
    set_times(registry, issued.id, last_used_at=recently - 100)
    uses.note(stored(recently - 100))
    uses.write(database)
    assert last_use() == first - timedelta(seconds=100)
    long_ago = recently - key_uses.PRECISION_SECONDS
    set_times(registry, issued.id, last_used_at=long_ago)
    uses.note(stored(long_ago))
    uses.write(database)
    uses.write(database)
    later = last_use()
    database.close()
    assert later is not None
    assert later >= first


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
