"""The registry that runs use: a server that is started for them, or an existing registry at a URL."""

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

#: Time limits in seconds: for the start of a registry, for each attempt to stop it, and for its end after an error.
START_SECONDS = 60.0
STOP_SECONDS = 15.0
DEATH_SECONDS = 1.0


class RegistryDiedError(RuntimeError):
    """The registry that was started for runs did not become ready, or ended too early.

    The message has the last lines of the log of the registry.
    """


@dataclass(frozen=True)
class RegistryAddress:
    """The URL of a registry, and an API key.

    If the key is None, the client uses the key from the environment, or the stored key for this URL.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)


@contextlib.contextmanager
def at(location: str, folder: Path) -> Iterator[RegistryAddress]:
    """Yield the address of the registry at `location`, for the time of the block.

    `location` is the URL (http or https) of an existing registry, or a data folder, relative to `folder`. For a data
    folder, a registry with these data is started, and stopped at the end of the block. Raises RegistryDiedError as
    `serve` does.
    """
    if location.startswith(("http://", "https://")):
        yield RegistryAddress(location)
    else:
        with serve(Path(os.path.normpath(folder / location))) as address:
            yield address


@contextlib.contextmanager
def serve(data_dir: Path) -> Iterator[RegistryAddress]:
    """Start a registry with an embedded database on a free port, and yield its address.

    The registry is stopped at the end of the block. The data stay in `data_dir`, so that runs can be resumed. Raises
    RegistryDiedError if the registry does not become ready, or if it ends before the block ends.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("ab") as errors, _started(data_dir, errors.fileno()) as server:
        url = _announced(server, log)
        try:
            yield RegistryAddress(url, _key(data_dir, url))
        except FirsthandError:
            # The connection to a server that ends breaks a moment before the system reports the end of the process.
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(DEATH_SECONDS)
            raise
        finally:
            if server.poll() is not None:
                raise RegistryDiedError(_last_lines(server, log))


@contextlib.contextmanager
def _started(data_dir: Path, errors: int) -> Iterator["subprocess.Popen[bytes]"]:
    # The user's settings FIRSTHAND_… are for another registry: with the user's FIRSTHAND_DATABASE_URL, a run would
    # write to the user's own PostgreSQL. The service reads names in upper and lower case, so both are removed.
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("FIRSTHAND_")}
    environment["FIRSTHAND_CONFIG_DIR"] = str(_config_dir(data_dir))
    command = [sys.executable, "-P", "-m", "firsthand", "serve", "--port", "0", "--data-dir", str(data_dir)]
    server = subprocess.Popen(
        [*command, "--json", "--with-parent"],
        stdin=subprocess.PIPE,  # the server stops when this pipe closes, even if this process is killed
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C must reach only the run, which then stops its registry
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
    """Return the URL in the line that the server prints when it is ready. Raises RegistryDiedError if there is none."""
    assert server.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        ready = selector.select(START_SECONDS)
    line = server.stdout.readline() if ready else b""
    if not line:
        raise RegistryDiedError(_last_lines(server, log))
    return str(json.loads(line)["url"])


def _key(data_dir: Path, url: str) -> str:
    """Return the API key that the server has stored for its current URL. Raises RegistryDiedError if there is none."""
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
        [
            f"The registry in {log.parent} {ended}. Correct the cause that its log names, then resume the runs. The "
            f"last lines of the log {log}:",
            *(f"  {line}" for line in last),
        ]
    )
