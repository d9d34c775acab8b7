"""Access: every route of the OpenAPI document, called with the keys of every role, in a public and a private registry.

`access_matrix.csv` declares the status that each call must have. A route without a row fails, so a new route is
declared with its access. A cell is the status of a call that is complete and valid: a role that may call gets 200 or
201. The cell of a batch is the status of its one statement.

The resources of all calls belong to the organization `local`; what is disputed, to the other organization. The roles
`read` to `operator` are keys of `local` with this one scope, `other read` to `other operator` are keys of `acme`.
"""

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from fastapi.testclient import TestClient

from firsthand.schemas.organizations import Scope
from service.app import create_app
from service.http import documents
from service.log.rules import Issuer
from service.organizations import store
from service.organizations.rules import KeyManager
from service.settings import Settings
from service.storage.engine import Database, now
from tests.factories import digests

MATRIX = Path(__file__).with_name("access_matrix.csv")
MODES = ("public", "private")
SCOPES = get_args(Scope)
ROLES = (
    "nobody", *SCOPES, *(f"other {scope}" for scope in SCOPES), "revoked", "expired", "malformed",
)  # fmt: skip
RAW = {"Content-Type": "application/octet-stream"}


@dataclass
class AccessWorld:
    """A registry in this process with a key per role, and with one of everything that a route names."""

    client: TestClient
    keys: dict[str, str]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    names: dict[str, str] = field(default_factory=dict)

    def send(self, role: str, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {**request.pop("headers", {}), **bearing(self.keys[role])}
        return self.client.request(method, path.format(**self.names), headers=headers, **request)

    def made(self, method: str, path: str, **request: Any) -> Any:
        """Create something by the key with all scopes, and return the answer."""
        answer = self.send("everything", method, path, **request)
        assert answer.is_success, answer.text
        return answer.json()

    def registration(self, organization: str = "local") -> int:
        """Register an item, and return the id of the registration."""
        role = "everything" if organization == "local" else "other everything"
        path = f"/v1/datasets/{organization}/texts/registrations?origin=human"
        content = digests([next(self.numbers)]).tobytes()
        answer = self.send(role, "POST", path, content=content, headers=RAW)
        return int(answer.json()["id"])

    def key(self) -> str:
        """Create a key of `local` without any power, and return its id."""
        return str(self.made("POST", "/v1/keys", json={"organization": "local", "scopes": ["read"]})["id"])


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


@dataclass(frozen=True)
class Call:
    """A complete and valid request. `path` can name what the world holds, such as `{mix}`."""

    path: str
    json: Any = None
    content: bytes | None = None


def _call(path: str, json: Any = None, content: bytes | None = None) -> Callable[[AccessWorld, str], Call]:
    return lambda world, role: Call(path, json, content)


_RECIPE = {"parts": [{}], "as_of": 1}
_DATASET, _MODEL = "/v1/datasets/local/texts", "/v1/models/local/writer/1"

#: A valid call of each route. What a call uses up, such as a key that it revokes, is created for each call.
CALLS: dict[str, Callable[[AccessWorld, str], Call]] = {
    "POST /v1/lookups": _call("/v1/lookups", {"digests": ["0" * 64]}),
    "GET /v1/items/{digest}": _call("/v1/items/" + "0" * 64),
    "POST /v1/datasets/{organization}/{name}/registrations": _call(
        f"{_DATASET}/registrations?origin=human", content=bytes(32)
    ),
    "POST /v1/registrations:batch": _call(
        "/v1/registrations:batch",
        {"statements": [{"dataset": "local/texts", "origin": "human", "digests": ["0" * 64]}]},
    ),
    "GET /v1/registrations/{id}": _call("/v1/registrations/{registration}"),
    "GET /v1/registrations/{id}/digests": _call("/v1/registrations/{registration}/digests"),
    "POST /v1/mixes": _call("/v1/mixes", _RECIPE),
    "GET /v1/mixes/{id}": _call("/v1/mixes/{mix}"),
    "GET /v1/mixes/{id}/digests": _call("/v1/mixes/{mix}/digests"),
    "GET /v1/mixes/{id}/diff": _call("/v1/mixes/{mix}/diff"),
    "POST /v1/organizations": lambda world, role: Call("/v1/organizations", {"name": f"new-{next(world.numbers)}"}),
    "GET /v1/organizations": _call("/v1/organizations"),
    "POST /v1/keys": _call("/v1/keys", {"organization": "local", "scopes": ["admin"]}),
    "GET /v1/keys": _call("/v1/keys"),
    "GET /v1/keys/current": _call("/v1/keys/current"),
    "POST /v1/keys/{id}/rotations": lambda world, role: Call(f"/v1/keys/{world.key()}/rotations", {}),
    "DELETE /v1/keys/{id}": lambda world, role: Call(f"/v1/keys/{world.key()}"),
    "PUT /v1/datasets/{organization}/{name}": _call(_DATASET, {}),
    "GET /v1/datasets/{organization}/{name}": _call(_DATASET),
    "GET /v1/datasets": _call("/v1/datasets"),
    "PUT /v1/models/{organization}/{name}/{version}": _call(_MODEL, {}),
    "GET /v1/models/{organization}/{name}/{version}": _call(_MODEL),
    "GET /v1/models": _call("/v1/models"),
    "POST /v1/snapshots": _call("/v1/snapshots", {"as_of": 1}),
    "GET /v1/snapshots": _call("/v1/snapshots"),
    "GET /v1/snapshots/{id}": _call("/v1/snapshots/{snapshot}"),
    "GET /v1/snapshots/{id}/shards/{shard}": _call("/v1/snapshots/{snapshot}/shards/00"),
    "POST /v1/withdrawals": lambda world, role: Call("/v1/withdrawals", {"statement": world.registration()}),
    # of each organization that may dispute, one of the other
    "POST /v1/disputes": lambda world, role: Call(
        "/v1/disputes", {"registration": world.registration("local" if role.startswith("other") else "acme")}
    ),
    "GET /v1/statements": _call("/v1/statements"),
    "GET /v1/statements/{position}": _call("/v1/statements/1"),
    "GET /v1/statistics": _call("/v1/statistics"),
    "GET /healthz": _call("/healthz"),
    "GET /readyz": _call("/readyz"),
    "GET /metrics": _call("/metrics"),
    **{f"GET {path}": _call(path) for path in documents.PATHS},
}


def declared() -> dict[tuple[str, str], dict[str, int]]:
    """Return the declared status of each role, by mode and route."""
    with MATRIX.open(newline="") as file:
        rows = list(csv.DictReader(file))
    matrix: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        for mode in MODES if row["mode"] == "both" else [row["mode"]]:
            assert (mode, row["route"]) not in matrix, row
            matrix[mode, row["route"]] = {role: int(row[role]) for role in ROLES}
    return matrix


@pytest.fixture(scope="module", params=MODES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessWorld]:
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(request.getfixturevalue("migrated_sqlite"), folder / "firsthand.sqlite")
    settings = Settings(data_dir=folder, database_url=None, public_read=request.param == "public")
    with TestClient(create_app(settings)) as client:
        world = AccessWorld(client, _keys(settings))
        world.made("PUT", _DATASET, json={})
        world.send("other everything", "PUT", "/v1/datasets/acme/texts", json={})
        world.made("PUT", _MODEL, json={})
        world.send("other everything", "PUT", "/v1/models/acme/writer/1", json={})
        world.names["registration"] = str(world.registration())
        world.names["mix"] = world.made("POST", "/v1/mixes", json=_RECIPE)["id"]
        while not (snapshot := world.made("POST", "/v1/snapshots", json={"as_of": 1}))["ready"]:
            pass
        world.names["snapshot"] = snapshot["id"]
        yield world


def _keys(settings: Settings) -> dict[str, str]:
    """Create the organizations and the keys of all roles, in the database."""
    database = Database(settings)
    keys = {"nobody": "", "malformed": "fh_no-key"}
    with database.writes() as session:
        for organization, prefix in (("local", ""), ("acme", "other ")):
            store.create(session, organization, "")
            _, keys[f"{prefix}everything"] = store.issue_key(session, organization, "", SCOPES)
            for scope in SCOPES:
                _, keys[f"{prefix}{scope}"] = store.issue_key(session, organization, "", [scope])
        _, keys["expired"] = store.issue_key(session, "local", "", SCOPES, expires_at=now() - 1)
        id_, keys["revoked"] = store.issue_key(session, "local", "", SCOPES)
    with database.writes() as session:
        issuer = Issuer(store.get(session, "local").id, "local")
        store.revoke(session, KeyManager(issuer, frozenset(SCOPES)), id_)
    database.close()
    return keys


def statuses(world: AccessWorld, route: str) -> dict[str, int]:
    """Call a route with the key of each role, and return the statuses."""
    answers: dict[str, int] = {}
    for role in ROLES:
        call = CALLS[route](world, role)
        request: dict[str, Any] = {} if call.json is None else {"json": call.json}
        if call.content is not None:
            request = {"content": call.content, "headers": RAW}
        answer = world.send(role, route.partition(" ")[0], call.path, **request)
        refused = answer.json()["outcomes"][0]["refused"] if route.endswith(":batch") and answer.is_success else None
        answers[role] = refused["status"] if refused else answer.status_code
    return answers


def documented(world: AccessWorld) -> set[str]:
    """Return every route: those of the OpenAPI document, and those that serve it."""
    paths = world.send("everything", "GET", "/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    return routes | {f"GET {path}" for path in documents.PATHS}


@pytest.mark.slow
def test_every_route_has_a_row_for_each_mode_and_a_call(world: AccessWorld) -> None:
    routes = documented(world)
    assert {route for _, route in declared()} == routes
    assert set(CALLS) == routes
    assert set(declared()) == {(mode, route) for mode in MODES for route in routes}


def test_every_route_of_the_application_is_documented(world: AccessWorld) -> None:
    """A route that the document leaves out would not be in the matrix."""
    assert set(_routes(world.client.app)) == documented(world)


def _routes(router: Any) -> Iterator[str]:
    """Yield every route of a router and of those that it includes."""
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from _routes(route.original_router)
        else:
            yield from (f"{method} {route.path}" for method in route.methods - {"HEAD"})


@pytest.mark.slow
@pytest.mark.parametrize("route", CALLS)
def test_each_role_may_call_what_the_matrix_declares(
    world: AccessWorld, route: str, request: pytest.FixtureRequest
) -> None:
    mode = "public" if request.node.callspec.params["world"] == "public" else "private"
    assert statuses(world, route) == declared()[mode, route]


def test_the_matrix_itself_keeps_the_rules_of_access() -> None:
    """What is true of all rows, so that a wrong row is not declared by mistake."""
    for (mode, route), expected in declared().items():
        if route in ("GET /healthz", "GET /readyz"):
            assert set(expected.values()) == {200}
            continue
        assert {expected[role] for role in ("revoked", "expired", "malformed")} == {401}, route
        reads = route.startswith("GET ") or route == "POST /v1/lookups"
        if mode == "private" or not reads:
            assert expected["nobody"] == 401, route
        if not reads and route != "POST /v1/mixes":
            assert (expected["read"], expected["other read"]) == (403, 403), route
        if expected["admin"] < 300 and not reads:  # an administrator's power ends at its own organization
            assert expected["other admin"] == (200 if route == "POST /v1/mixes" else 404 if "{id}" in route else 403)


#: Writes that name something of another organization: for what exists, and for what does not.
_NAMING: dict[str, Callable[[AccessWorld, bool], tuple[str, str, dict[str, Any]]]] = {
    "a dataset to register in": lambda world, there: (
        "POST",
        f"/v1/datasets/acme/{'texts' if there else 'nothing'}/registrations?origin=human",
        {"content": bytes(32), "headers": RAW},
    ),
    "a dataset in a batch": lambda world, there: (
        "POST",
        "/v1/registrations:batch",
        {"json": {"statements": [_statement(f"acme/{'texts' if there else 'nothing'}")]}},
    ),
    "a model that made items": lambda world, there: (
        "POST",
        f"{_DATASET}/registrations?origin=model&model=acme/{'writer' if there else 'nothing'}@1&generation=999",
        {"content": bytes(32), "headers": RAW},
    ),
    "a dataset to create": lambda world, there: (
        "PUT",
        f"/v1/datasets/acme/{'texts' if there else 'nothing'}",
        {"json": {}},
    ),
    "a model to create": lambda world, there: (
        "PUT",
        f"/v1/models/acme/{'writer' if there else 'nothing'}/1",
        {"json": {}},
    ),
    "a dataset that a model was trained on": lambda world, there: (
        "PUT",
        "/v1/models/local/reader/1",
        {"json": {"trained_on": [{"dataset": f"acme/{'texts' if there else 'nothing'}", "position": 1}]}},
    ),
    "a mix that a model was trained on": lambda world, there: (
        "PUT",
        "/v1/models/local/reader/1",
        {"json": {"trained_on": [{"mix": world.names["mix"] if there else "0" * 32}]}},
    ),
    "a statement to withdraw": lambda world, there: (
        "POST",
        "/v1/withdrawals",
        {"json": {"statement": world.registration("acme") if there else 10**6}},
    ),
    "a registration to dispute": lambda world, there: (
        "POST",
        "/v1/disputes",
        {"json": {"registration": world.registration("acme") if there else 10**6}},
    ),
}


def _statement(dataset: str) -> dict[str, Any]:
    return {"dataset": dataset, "origin": "human", "digests": ["0" * 64]}


@pytest.mark.parametrize("what", _NAMING)
@pytest.mark.parametrize("world", ["private"], indirect=True)
def test_a_key_that_cannot_read_does_not_learn_what_others_have(world: AccessWorld, what: str) -> None:
    """In a private registry, a key with the scope write alone gets one refusal, whether the thing exists or not."""
    refusals = []
    for there in (True, False):
        method, path, sent = _NAMING[what](world, there)
        answer = world.send("write", method, path, **sent)
        text = re.sub(r"writer|texts|nothing|position \d+|\"request[^,]*", "…", answer.text)
        refusals.append((answer.status_code, text))
        assert answer.status_code in (403, 404) or '"status":403' in answer.text, answer.text
    assert refusals[0] == refusals[1]


@pytest.mark.slow
@pytest.mark.parametrize("route", [route for route in CALLS if route.startswith("GET ")])
def test_caches_keep_nothing_of_a_private_registry_and_nothing_about_keys(
    world: AccessWorld, route: str, request: pytest.FixtureRequest
) -> None:
    call, private = CALLS[route](world, "everything"), request.node.callspec.params["world"] == "private"
    for role in ("everything", "nobody"):
        stated = world.send(role, "GET", call.path).headers.get("cache-control", "")
        if private or route.startswith("GET /v1/keys"):
            assert stated.startswith("private, "), (route, stated)
            assert "no-store" in stated or ("/snapshots/" in route and "immutable" in stated)
        else:
            assert "private" not in stated
