"""A registry for a run: one that the run serves itself, or one at an address."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firsthand.errors import FirsthandError
from firsthand.http import credentials

START_SECONDS = 60.0
STOP_SECONDS = 15.0
DEATH_SECONDS = 1.0


class RegistryDiedError(RuntimeError):
    """The registry that a run served itself did not start, or ended early; the message has its last lines."""


@dataclass(frozen=True)
class Address:
    """Where a registry answers. The key is None where the client finds it itself (environment, stored credentials)."""

    url: str
    api_key: str | None = field(default=None, repr=False)


@contextlib.contextmanager
def at(place: str, folder: Path) -> Iterator[Address]:
    """The registry that a plan names: an http(s) address, or a folder relative to `folder` to serve one from."""
    if place.startswith(("http://", "https://")):
        yield Address(place)
    else:
        with serve(Path(os.path.normpath(folder / place))) as address:
            yield address


@contextlib.contextmanager
def serve(data_dir: Path) -> Iterator[Address]:
    """Serve a registry with an embedded database on a free port, for as long as the block runs.

    The data stay in `data_dir`, so that a resumed run finds what it registered. Raises RegistryDiedError.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("ab") as errors, _started(data_dir, errors.fileno()) as server:
        url = _announced(server, log)
        try:
            yield Address(url, _key(data_dir, url))
        except FirsthandError:
            # a server that dies cuts the line a moment before the system tells that it ended
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(DEATH_SECONDS)
            raise
        finally:
            if server.poll() is not None:
                raise RegistryDiedError(_epitaph(server, log))


@contextlib.contextmanager
def _started(data_dir: Path, errors: int) -> Iterator["subprocess.Popen[bytes]"]:
    # The user's own FIRSTHAND_… settings (in letters of either case, as the service reads them) are for another
    # registry: with their FIRSTHAND_DATABASE_URL a run might write into their own PostgreSQL.
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("FIRSTHAND_")}
    environment["FIRSTHAND_CONFIG_DIR"] = str(_config_dir(data_dir))
    command = [sys.executable, "-P", "-m", "firsthand", "serve", "--port", "0", "--data-dir", str(data_dir)]
    server = subprocess.Popen(
        [*command, "--json", "--with-parent"],
        stdin=subprocess.PIPE,  # closing it ends the server, also when this process is killed
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the run, which then ends its registry in order
    )
    try:
        yield server
    finally:
        _stop(server)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    for end in (server.stdin.close, server.terminate, server.kill):
        end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
            break
    server.stdout.close()


def _announced(server: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address in the one line that the server prints when it is ready."""
    assert server.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        ready = selector.select(START_SECONDS)
    line = server.stdout.readline() if ready else b""
    if not line:
        raise RegistryDiedError(_epitaph(server, log))
    return str(json.loads(line)["url"])


def _key(data_dir: Path, url: str) -> str:
    """The key that the server has stored for its address of today."""
    entry = credentials.load(_config_dir(data_dir)).registries.get(url)
    if entry is None:
        raise RegistryDiedError(
            f"{_config_dir(data_dir)} holds no key of the registry in {data_dir}: it belongs to no run any more; "
            "start again in another folder with --out"
        )
    return entry.api_key


def _config_dir(data_dir: Path) -> Path:
    return data_dir / "credentials"


def _epitaph(server: "subprocess.Popen[bytes]", log: Path) -> str:
    status = server.poll()
    ended = f"is not ready after {START_SECONDS:.0f} s" if status is None else f"ended with status {status}"
    last = log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join(
        [f"The registry in {log.parent} {ended}. Its last lines ({log}):", *(f"  {line}" for line in last)]
    )
