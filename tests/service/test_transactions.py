"""One request, one transaction: begun and ended in one place, and answered after its commit."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Connection, Engine, event

import service
from firsthand.core.verdicts import VERDICTS
from service.settings import Settings
from service.storage import tables
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import digests

ROOT = Path(service.__path__[0])
MODULES = {str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in ROOT.rglob("*.py")}

#: What begins or ends a transaction, called as a method.
OF_TRANSACTIONS = {"begin", "begin_nested", "commit", "rollback"}

#: What may import FastAPI beside the `routes.py` of each noun and the folder `http/`; each entry must import it.
IMPORT_FASTAPI = {"app.py"}


def calls(tree: ast.Module) -> Iterator[str]:
    """The names of all methods that a module calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def imports(tree: ast.Module) -> Iterator[str]:
    """The packages that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_transactions_begin_and_end_in_one_module() -> None:
    modules = {name for name, tree in MODULES.items() if OF_TRANSACTIONS & set(calls(tree))}
    assert modules == {"storage/engine.py"}
    assert "commit" not in calls(MODULES["storage/engine.py"])  # leaving `begin()` commits


def test_only_routes_the_application_and_the_folder_http_import_fastapi() -> None:
    modules = {name for name, tree in MODULES.items() if "fastapi" in imports(tree)}
    routes = {name for name in MODULES if name.endswith("/routes.py")}
    assert routes <= modules
    assert {name for name in modules - routes if not name.startswith("http/")} == IMPORT_FASTAPI


def test_what_is_pure_knows_no_database() -> None:
    rules = {name: set(imports(tree)) for name, tree in MODULES.items() if name.endswith("rules.py")}
    assert len(rules) >= 4
    assert [name for name, imported in rules.items() if "sqlalchemy" in imported] == []


@pytest.fixture
def commits() -> Iterator[Callable[[bool], None]]:
    """Whether transactions that write can commit; where not, it is as when the disk is full."""

    def fail(connection: Connection) -> None:
        if connection.get_execution_options().get("begin") == "IMMEDIATE":
            raise OSError("no space left on device")

    def work(can: bool) -> None:
        (event.remove if can else event.listen)(Engine, "commit", fail)

    yield work
    if event.contains(Engine, "commit", fail):
        event.remove(Engine, "commit", fail)


def state(settings: Settings) -> dict[str, list[str]]:
    """Every row of every table."""
    database = Database(settings)
    with database.reads() as session:
        rows = {name: session.execute(table.select()).all() for name, table in tables.metadata.tables.items()}
    database.close()
    return {name: sorted(map(repr, selected)) for name, selected in rows.items()}


Write = Callable[[], httpx2.Response]


def every_write(registry: Registry, http: httpx2.Client) -> list[Write]:
    """A call of each kind that writes, on a registry in which each can succeed."""
    other, client = registry.join("acme"), registry.client()
    other.put_dataset("acme/texts")
    client.put_dataset("local/texts")
    (own,) = client.register("local/texts", [b"own"], origin="human")
    (theirs,) = other.register("acme/texts", [b"theirs"], origin="human")
    key = client.create_key("local").id
    bulk, body = "/v1/datasets/local/texts/registrations?origin=human", digests(range(3)).tobytes()
    raw, once = {"Content-Type": "application/octet-stream"}, {"Idempotency-Key": "once"}
    return [
        lambda: http.post("/v1/organizations", json={"name": "new"}),
        lambda: http.post("/v1/organizations", json={"name": "newer"}, headers=once),
        lambda: http.post("/v1/keys", json={"organization": "local"}),
        lambda: http.delete(f"/v1/keys/{key}"),
        lambda: http.put("/v1/datasets/local/new", json={}),
        lambda: http.put("/v1/models/local/new/1", json={}),
        lambda: http.post(bulk, content=body, headers=raw),
        lambda: http.post(bulk, content=body, headers=raw | once),
        lambda: http.post("/v1/mixes", json={"parts": [{}]}),
        lambda: http.post("/v1/withdrawals", json={"statement": own.id}, headers=once),
        lambda: http.post("/v1/disputes", json={"registration": theirs.id}, headers=once),
    ]


@on_both
def test_a_commit_that_fails_is_not_answered_with_success_and_leaves_nothing(
    registry: Registry, http: httpx2.Client, commits: Callable[[bool], None]
) -> None:
    writes = every_write(registry, http)
    before = state(registry.settings)
    commits(False)
    for write in writes:
        answer = write()
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "nothing was stored" in answer.json()["detail"]
    assert state(registry.settings) == before
    # nor does what is kept in memory believe any of it: each now does what it would have done, under its key too
    assert set(registry.client().lookup(digests(range(3))).verdict) == {VERDICTS.index("unknown")}
    commits(True)
    assert {write().status_code for write in writes} <= {200, 201}
    assert set(registry.client().lookup(digests(range(3))).verdict) == {VERDICTS.index("human")}
    positions = [statement.position for statement in registry.client().statements()]
    assert positions == list(range(1, len(positions) + 1))
