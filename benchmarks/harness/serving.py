"""A registry served by a process of its own, on an empty database."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from firsthand import Client
from firsthand.http import credentials


class Address(NamedTuple):
    """Where a registry answers, the administrator's key of its `local`, and the id of the process that serves."""

    url: str
    api_key: str
    process: int

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


@contextmanager
def serving(database_url: str | None = None) -> Iterator[Address]:
    """A registry on SQLite in a folder that goes with it, or on an empty PostgreSQL database."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"FIRSTHAND_DATA_DIR": folder, "FIRSTHAND_CONFIG_DIR": folder, "FIRSTHAND_MIGRATE_ON_START": "true"}
        given["FIRSTHAND_LOG_FORMAT"] = "json"  # as one that is run for others: the console's form takes twice the time
        environment = {**os.environ, **given, **({"FIRSTHAND_DATABASE_URL": database_url} if database_url else {})}
        command = [sys.executable, "-m", "firsthand", "serve", "--port", "0", "--json"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                assert process.stdout is not None
                url = json.loads(process.stdout.readline())["url"]
                yield Address(url, credentials.load(Path(folder)).registries[url].api_key, process.pid)
            finally:
                process.terminate()


@contextmanager
def served(database_url: str | None = None) -> Iterator[tuple[Client, int]]:
    """The same as a client with that key, and the id of the process that serves."""
    with serving(database_url) as address, Client(address.url, address.api_key) as client:
        yield client, address.process
