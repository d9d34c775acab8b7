"""Start a registry with `firsthand serve` in a separate process.

All tests and benchmarks start their servers here. Only the registry of a simulator run is started by
`simulator.runs.registry_process`, which is product code and has other rules for a server that dies.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand import Client
from firsthand.http import credentials

#: The command line of this Python environment, independent of PATH.
FIRSTHAND = (sys.executable, "-m", "firsthand")

#: The exit status of a server after SIGTERM: 0, or ended by this signal.
STOPPED = (0, -signal.SIGTERM)

_LOG = "serve.log"


@dataclass(frozen=True)
class ServedRegistry:
    """A running server. It is the leader of a process group, so that a signal can reach all its workers at once."""

    process: "subprocess.Popen[str]"
    #: The line that `serve --json` printed: its URL, the organization that it created, and the file with the key.
    announcement: dict[str, Any]
    log: Path
    config_dir: Path

    @property
    def url(self) -> str:
        return str(self.announcement["url"])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The id of the process that was started. With several workers, it is their parent."""
        return self.process.pid

    @property
    def api_key(self) -> str:
        """The key of the administrator. The first start on an empty database stored it for this address."""
        return credentials.load(self.config_dir).registries[self.url].api_key

    def workers(self) -> list[int]:
        """Return the ids of the workers: the child processes that have the listening socket of the server open.

        Other child processes are helpers of multiprocessing.
        """
        listening = _listening_sockets(self.pid)
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children if listening & _listening_sockets(int(child))]

    def wait_for_workers(self, number: int) -> list[int]:
        """Wait until there are `number` workers, and return their ids."""
        wait_until(lambda: len(self.workers()) == number, lambda: f"no {number} workers\n{self.log.read_text()}")
        return self.workers()

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server, as Ctrl-C in a terminal does."""
        os.killpg(self.pid, number)

    def stop(self) -> str:
        """Stop the server with SIGTERM, as a service manager does, and return its whole log."""
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        return self.log.read_text()

    def kill(self) -> None:
        """Send SIGKILL to every process of the server at once. If all have ended, this has no effect."""
        with suppress(ProcessLookupError):
            self.signal_all(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


def start(folder: Path, *options: str, **environment: str) -> ServedRegistry:
    """Start `firsthand serve --json` in `folder`, on a free port, and wait until it answers.

    `options` are passed to the command; `environment` adds environment variables. The server does not inherit the
    FIRSTHAND_… variables of this process, which are for another registry, except FIRSTHAND_CONFIG_DIR: so this process
    finds the first key that the server stores. The log is appended to `serve.log`. Raises RuntimeError, with the end of
    the log, if the server does not start.
    """
    folder.mkdir(exist_ok=True)
    log = folder / _LOG
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("FIRSTHAND_")}
    variables = {**inherited, "FIRSTHAND_CONFIG_DIR": str(credentials.path().parent), **environment}
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*FIRSTHAND, "serve", "--json", "--port", "0", *options],
            cwd=folder,
            env=variables,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    line = _first_line(process)
    if not line:
        process.kill()
        process.communicate()
        raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")
    return ServedRegistry(process, json.loads(line), log, Path(variables["FIRSTHAND_CONFIG_DIR"]))


@contextmanager
def serve(folder: Path, *options: str, **environment: str) -> Iterator[ServedRegistry]:
    """Start a server as `start` does, and kill all its processes when the `with` block ends."""
    served = start(folder, *options, **environment)
    try:
        yield served
    finally:
        served.kill()


@contextmanager
def serve_empty(database_url: str | None = None) -> Iterator[ServedRegistry]:
    """Serve an empty registry until the `with` block ends.

    It uses the PostgreSQL database at `database_url`, which must be empty, or SQLite in a temporary folder. The log has
    the format JSON, as in production: the console format takes twice the time.
    """
    with tempfile.TemporaryDirectory() as name:
        settings = {"FIRSTHAND_DATA_DIR": name, "FIRSTHAND_CONFIG_DIR": name}
        settings |= {"FIRSTHAND_MIGRATE_ON_START": "true", "FIRSTHAND_LOG_FORMAT": "json"}
        if database_url:
            settings["FIRSTHAND_DATABASE_URL"] = database_url
        with serve(Path(name), **settings) as served:
            yield served
            served.stop()


@contextmanager
def client_of_empty(database_url: str | None = None) -> Iterator[Client]:
    """Yield a client with the key of the administrator, for a registry of `serve_empty`."""
    with serve_empty(database_url) as served, Client(served.url, served.api_key) as client:
        yield client


def _first_line(process: "subprocess.Popen[str]") -> str:
    """Return the line that the server prints when it is ready; an empty text if the server has ended or hangs."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        readable = selector.select(PATIENCE_SECONDS)
    return process.stdout.readline() if readable else ""


def _listening_sockets(pid: int) -> set[str]:
    """Return the listening TCP sockets that a process has open, as the targets of the links in its `fd` folder."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{row[9]}]" for row in table if row[3] == "0A"}
    opened = set[str]()
    with suppress(FileNotFoundError, PermissionError):  # the process has ended, or is a zombie
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # the file was closed in the meantime
                opened.add(os.readlink(link))
    return opened & listening
