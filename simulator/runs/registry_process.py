"""The registry of a run: one that is started for it, or one at a URL."""

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
    """The registry that was started for a run did not start, or ended early; the message has its last log lines."""


@dataclass(frozen=True)
class RegistryAddress:
    """The URL of a registry, and a key. Without a key, the client uses the environment or stored credentials."""

    url: str
    api_key: str | None = field(default=None, repr=False)


@contextlib.contextmanager
def at(location: str, folder: Path) -> Iterator[RegistryAddress]:
    """Yield the registry of a plan: the one at an http(s) URL, or one started from a data folder below `folder`."""
    if location.startswith(("http://", "https://")):
        yield RegistryAddress(location)
    else:
        with serve(Path(os.path.normpath(folder / location))) as address:
            yield address


@contextlib.contextmanager
def serve(data_dir: Path) -> Iterator[RegistryAddress]:
    """Serve a registry with an embedded database on a free port while the block runs.

    The data stay in `data_dir` for a resumed run. Raises RegistryDiedError.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("ab") as errors, _started(data_dir, errors.fileno()) as server:
        url = _announced(server, log)
        try:
            yield RegistryAddress(url, _key(data_dir, url))
        except FirsthandError:
            # the connection to a dying server breaks a moment before the system reports its end
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(DEATH_SECONDS)
            raise
        finally:
            if server.poll() is not None:
                raise RegistryDiedError(_last_lines(server, log))


@contextlib.contextmanager
def _started(data_dir: Path, errors: int) -> Iterator["subprocess.Popen[bytes]"]:
    # The user's own FIRSTHAND_… settings (in upper or lower case, as the service reads them) are for another registry:
    # with their FIRSTHAND_DATABASE_URL a run would write into their own PostgreSQL.
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("FIRSTHAND_")}
    environment["FIRSTHAND_CONFIG_DIR"] = str(_config_dir(data_dir))
    command = [sys.executable, "-P", "-m", "firsthand", "serve", "--port", "0", "--data-dir", str(data_dir)]
    server = subprocess.Popen(
        [*command, "--json", "--with-parent"],
        stdin=subprocess.PIPE,  # its end stops the server, also if this process is killed
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C reaches the run, which then stops its registry
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
    """Return the URL in the one line that the server prints when it is ready."""
    assert server.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        ready = selector.select(START_SECONDS)
    line = server.stdout.readline() if ready else b""
    if not line:
        raise RegistryDiedError(_last_lines(server, log))
    return str(json.loads(line)["url"])


def _key(data_dir: Path, url: str) -> str:
    """Return the key that the server has stored for its current URL."""
    entry = credentials.load(_config_dir(data_dir)).registries.get(url)
    if entry is None:
        raise RegistryDiedError(
            f"{_config_dir(data_dir)} has no key for the registry in {data_dir}, so the registry cannot be used. Start "
            "the runs again in a new folder: --out FOLDER"
        )
    return entry.api_key


def _config_dir(data_dir: Path) -> Path:
    return data_dir / "credentials"


def _last_lines(server: "subprocess.Popen[bytes]", log: Path) -> str:
    status = server.poll()
    ended = f"was not ready after {START_SECONDS:.0f} s" if status is None else f"ended with status {status}"
    last = log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join(
        [f"The registry in {log.parent} {ended}. Last lines of its log {log}:", *(f"  {line}" for line in last)]
    )
