"""A registry that `firsthand serve` answers from a process of its own.

The one place where tests and benchmarks start a server. (`simulator.runs.registry_process` starts the registry of a
run: product code, with its own rules for a server that dies.)
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

#: The command line of this environment, whatever PATH says.
FIRSTHAND = (sys.executable, "-m", "firsthand")

#: How a server ends after SIGTERM: with 0, or by that signal.
STOPPED = (0, -signal.SIGTERM)

_LOG = "serve.log"


@dataclass(frozen=True)
class ServedRegistry:
    """A server that runs. It leads a process group of its own, so that signals can reach all its workers at once."""

    process: "subprocess.Popen[str]"
    #: The one line that `serve --json` printed: its address, the organization that it made, where it stored the key.
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
        """The id of the process that was started; with several workers, of their parent."""
        return self.process.pid

    @property
    def api_key(self) -> str:
        """The administrator's key that the first start on an empty database stored for this address."""
        return credentials.load(self.config_dir).registries[self.url].api_key

    def workers(self) -> list[int]:
        """The processes that serve: children that have the server's listening socket open.

        multiprocessing has helper processes of its own beside them.
        """
        listening = _listening_sockets(self.pid)
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children if listening & _listening_sockets(int(child))]

    def wait_for_workers(self, number: int) -> list[int]:
        """The ids of the workers, once there are so many."""
        wait_until(lambda: len(self.workers()) == number, lambda: f"no {number} workers\n{self.log.read_text()}")
        return self.workers()

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server, as Ctrl-C in a terminal does."""
        os.killpg(self.pid, number)

    def stop(self) -> str:
        """End it as a service manager would, and return its whole log."""
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        return self.log.read_text()

    def kill(self) -> None:
        """SIGKILL to every process of the server at once; does nothing if all have ended."""
        with suppress(ProcessLookupError):
            self.signal_all(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


def start(folder: Path, *options: str, **environment: str) -> ServedRegistry:
    """Start `firsthand serve --json` in `folder`, on a free port, and wait until it answers.

    `options` are those of the command; `environment` adds variables. FIRSTHAND_… variables of this process do not reach
    the server: they are for another registry. FIRSTHAND_CONFIG_DIR is the exception: a server stores its first key
    where this process looks for it. The log is appended to `serve.log`. Raises RuntimeError with the end of the log if
    the server does not start.
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
    """The same for as long as the block runs; what is left of the server is killed at its end."""
    served = start(folder, *options, **environment)
    try:
        yield served
    finally:
        served.kill()


@contextmanager
def serve_empty(database_url: str | None = None) -> Iterator[ServedRegistry]:
    """An empty registry that is gone afterwards: on SQLite in a temporary folder, or on an empty PostgreSQL database.

    Set up as one that is run for others: JSON as the format of the log, since the console's takes twice the time.
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
    """An administrator's client of such a registry."""
    with serve_empty(database_url) as served, Client(served.url, served.api_key) as client:
        yield client


def _first_line(process: "subprocess.Popen[str]") -> str:
    """The line that the server prints when it is ready; empty if it ended before, or hangs."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        readable = selector.select(PATIENCE_SECONDS)
    return process.stdout.readline() if readable else ""


def _listening_sockets(pid: int) -> set[str]:
    """The listening TCP sockets that a process has open, as the links in its `fd` folder name them."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{row[9]}]" for row in table if row[3] == "0A"}
    opened = set[str]()
    with suppress(FileNotFoundError, PermissionError):  # it ended, or is a zombie
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed this moment
                opened.add(os.readlink(link))
    return opened & listening
