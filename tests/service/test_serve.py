"""`firsthand serve`, as a process of its own; refusals, which start nothing, in process."""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks.harness.served_registry import FIRSTHAND, STOPPED, serve
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand import Client
from firsthand.http import credentials
from service import cli
from service.settings import Settings
from service.storage import migrate
from tests.conftest import create_database, database_at, drop_database
from tests.service.processes import is_running, ran, wait_for_end
from tests.service.wire import BULK, connected, head

pytestmark = pytest.mark.slow


def test_an_empty_folder_becomes_a_registry_with_a_key_for_the_command_line(tmp_path: Path) -> None:
    with serve(tmp_path / "work") as served:
        assert served.announcement == {
            "url": served.url,
            "organization": "local",
            "credentials": str(credentials.path()),
        }
        with Client() as client:  # finds the address and the key by itself; what is printed takes connections at once
            assert client.url == served.url
            assert client.ready()
            assert (client.whoami().organization, client.whoami().scopes) == (
                "local",
                ["admin", "operator", "read", "write"],
            )
            assert [organization.name for organization in client.organizations()] == ["local"]
            client.put_dataset("local/texts")
        key = credentials.load().registries[served.url].api_key
    assert stat.S_IMODE(credentials.path().stat().st_mode) == 0o600
    assert (tmp_path / "work" / "firsthand-data" / "firsthand.sqlite").exists()
    log = served.log.read_text()
    assert "Application startup complete" in log
    assert "\x1b" not in log  # no colors in a log that is not a terminal

    # started again at another address, all is there, and the same key opens it
    with serve(tmp_path / "work", "--host", "::1") as again:
        assert again.url.startswith("http://[::1]:")
        assert again.announcement["organization"] is None
        with Client(again.url, key) as client:
            assert [dataset.name for dataset in client.datasets()] == ["local/texts"]
            assert len(list(client.keys())) == 1
    known = credentials.load().registries
    assert {url: entry.api_key for url, entry in known.items()} == {served.url: key, again.url: key}


def run_without_input(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """A command that ends because its standard input is closed."""
    nothing = subprocess.DEVNULL
    return subprocess.run(
        command, cwd=folder, stdin=nothing, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def test_a_second_registry_at_the_same_address_leaves_the_first_ones_key_alone_and_says_where_its_own_is(
    tmp_path: Path,
) -> None:
    with serve(tmp_path / "first") as first:
        port = str(first.port)
    kept = credentials.path().read_text()
    with serve(tmp_path / "second", "--port", port) as second:
        assert second.url == first.url
        own = (tmp_path / "second" / "firsthand-data" / "first-key").read_text().strip()
        with Client(second.url, own) as client:
            assert client.whoami().organization == "local"
    assert credentials.path().read_text() == kept
    command = [*FIRSTHAND, "serve", "--port", port, "--with-parent"]
    restarted = run_without_input(command, tmp_path / "second")
    key_file = tmp_path / "second" / "firsthand-data" / "first-key"
    assert f"firsthand login {first.url} < {key_file}" in restarted.stdout
    assert "firsthand dataset create" not in restarted.stdout  # it would use the other registry's key
    with serve(tmp_path / "first", "--port", port), Client() as client:
        assert client.whoami().organization == "local"


def test_it_says_in_three_lines_what_it_did_and_with_its_parent_ends_when_standard_input_closes(tmp_path: Path) -> None:
    command = [*FIRSTHAND, "serve", "--port", "0", "--with-parent"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode in STOPPED
    does, made, goes_on = ended.stdout.splitlines()
    (url,) = credentials.load().registries
    assert f"serves sqlite:///{tmp_path / 'firsthand-data' / 'firsthand.sqlite'} at {url} " in does
    assert "Created the organization local and its API key" in made
    assert made.endswith(f" {credentials.path()}")
    assert "firsthand dataset create local/texts" in goes_on
    assert credentials.load().registries[url].api_key.split("_", 2)[2] not in ended.stdout + ended.stderr


def test_an_answer_does_not_wait_for_the_callers_acknowledgement() -> None:
    """Headers and body go out in two writes; with Nagle's algorithm the second waits 40 ms, on each request."""

    async def turns_nagle_off(listener: socket.socket) -> bool:
        options = asyncio.get_running_loop().create_future()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            options.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(accept, sock=listener):
            with socket.create_connection(listener.getsockname()):
                return bool(await options)

    assert asyncio.run(turns_nagle_off(cli._listen("127.0.0.1", 0)))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8734"),
        ("0.0.0.0", "http://127.0.0.1:8734"),
        ("::", "http://[::1]:8734"),
        ("registry.example", "http://registry.example:8734"),
    ],
)
def test_the_printed_address_can_be_opened_in_a_browser(host: str, url: str) -> None:
    assert cli._url(host, 8734) == url


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_with_its_parent_it_ends_also_when_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, *FIRSTHAND, "serve", "--port", "0", "--json", "--with-parent"]
    with subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            assert '"url"' in parent.stdout.readline()
            assert is_running(pid)
            parent.kill()
            wait_for_end(pid)
        finally:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)


def refuses_connections(url: str) -> bool:
    try:
        connected(url).close()
    except ConnectionRefusedError:
        return True
    return False


def test_without_that_option_it_outlives_its_standard_input_and_when_stopped_finishes_what_is_under_way(
    tmp_path: Path,
) -> None:
    with serve(tmp_path) as served:
        assert served.process.stdin is not None
        served.process.stdin.close()
        with Client() as client:
            client.put_dataset("local/texts")
        with connected(served.url) as caller:
            caller.sendall(head(served.api_key, BULK, "application/octet-stream", 32, Expect="100-continue"))
            assert caller.recv(65536).startswith(b"HTTP/1.1 100")  # the service has begun to read the body
            caller.sendall(b"x" * 16)
            served.process.terminate()
            wait_until(lambda: refuses_connections(served.url), "the server accepts nobody any more")
            assert served.process.poll() is None
            caller.sendall(b"x" * 16)
            assert caller.recv(65536).startswith(b"HTTP/1.1 201")
        assert served.process.wait(PATIENCE_SECONDS) in STOPPED


def test_a_first_start_that_was_killed_after_migrating_is_made_good_by_the_next(tmp_path: Path) -> None:
    migrate.upgrade(Settings(data_dir=tmp_path / "data"))
    with serve(tmp_path, "--data-dir", str(tmp_path / "data")) as served:
        assert served.announcement["organization"] == "local"
        with Client() as client:
            assert client.whoami().organization == "local"


@pytest.mark.parametrize("has", ["20200101_older", "20990101_later"])
def test_a_database_of_another_revision_is_refused_with_the_command_that_helps(
    empty_database: Settings, has: str
) -> None:
    with sqlite3.connect(empty_database.data_dir / "firsthand.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [has])
    connection.close()
    refused = ran("serve", "--port", "0", "--data-dir", str(empty_database.data_dir))
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert f"has revision {has}; this version needs {migrate.needed(empty_database)}." in refused.stderr
    assert refused.stderr.endswith("Run: firsthand migrate\n")


@pytest.fixture
def unmigrated(postgresql: str) -> Iterator[str]:
    """The address of a PostgreSQL database with nothing in it."""
    name = f"test_{uuid4().hex[:12]}"
    create_database(postgresql, name)
    yield database_at(postgresql, name)
    drop_database(postgresql, name)


def test_an_empty_postgresql_is_refused_unless_it_shall_be_migrated(
    unmigrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_DATABASE_URL", unmigrated)
    refused = ran("serve", "--port", "0")
    assert refused.exit_code == 1
    assert "has no tables of Firsthand yet" in refused.stderr
    assert refused.stderr.endswith("Run: firsthand migrate\n")
    with serve(tmp_path, FIRSTHAND_DATABASE_URL=unmigrated, FIRSTHAND_MIGRATE_ON_START="true") as served:
        assert served.announcement["organization"] == "local"
        with Client() as client:
            assert client.whoami().organization == "local"


def test_an_unreachable_database_is_reported_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/there")
    for command in (["serve", "--port", "0"], ["migrate"]):
        refused = ran(*command)
        assert refused.exit_code == 1
        assert "The database postgresql+psycopg://me:…@127.0.0.1:1/there does not answer" in refused.stderr
        assert "secret" not in refused.output


def test_a_server_that_refuses_the_connection_is_not_called_down(
    postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent, stranger = database_at(postgresql, "nowhere"), re.sub("//[^/]*@", "//nobody@", postgresql)
    for address, words in (
        (absent, ("does not exist: ", 'database "nowhere" does not exist', "Create it, or correct its name")),
        (stranger, ("refuses the connection: ", 'role "nobody" does not exist', "The server runs. Check the user")),
    ):
        monkeypatch.setenv("FIRSTHAND_DATABASE_URL", address)
        refused = ran("migrate")
        assert refused.exit_code == 1
        assert all(word in refused.stderr for word in words), refused.stderr
        assert "does not answer" not in refused.stderr
        assert "\\t" not in refused.stderr


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ('FATAL: password authentication failed for user "me"', "refuses the user or the password"),
        ("fe_sendauth: no password supplied", "refuses the user or the password"),
        ("Connection refused Is the server running?", "does not answer"),
    ],
)
def test_the_message_of_a_refused_connection_decides_the_advice(reason: str, words: str) -> None:
    assert cli._operational_error_in_words("postgresql://host/there", reason).startswith(
        f"The database postgresql://host/there {words}: {reason}\n"
    )


def test_a_file_or_address_that_is_no_database_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "firsthand.sqlite").write_bytes(b"a letter to Ada" * 1000)
    for command in (["serve", "--port", "0"], ["migrate"]):
        refused = ran(*command, "--data-dir", str(tmp_path))
        assert refused.exit_code == 1
        assert f"{tmp_path / 'firsthand.sqlite'} cannot be read: file is not a database" in refused.stderr
    monkeypatch.setenv("FIRSTHAND_DATABASE_URL", "postgresql://localhost:port/there")
    for command in (["serve", "--port", "0"], ["migrate"]):
        refused = ran(*command)
        assert refused.exit_code == 1
        assert "FIRSTHAND_DATABASE_URL: this is not the address of a database" in " ".join(refused.output.split())


@pytest.mark.parametrize("folder", ["/proc", "/proc/no-folder"])  # not even the superuser can write there
@pytest.mark.parametrize("setting", ["FIRSTHAND_SNAPSHOTS_DIR", "FIRSTHAND_DATA_DIR"])
def test_a_folder_that_cannot_be_written_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(setting, folder)
    for command in (["serve", "--port", "0"], *([["migrate"]] if setting == "FIRSTHAND_DATA_DIR" else [])):
        refused = ran(*command)
        assert refused.exit_code == 1
        assert f"{setting}: the folder {folder} cannot be created or written: No such file" in refused.stderr
        assert f"Set {setting} to a folder" in " ".join(refused.stderr.split())


def test_a_port_in_use_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = ran("serve", "--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert refused.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "--port 0" in refused.stderr
    assert not (tmp_path / "data").exists()
    assert not credentials.path().exists()
