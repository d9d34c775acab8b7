"""`firsthand serve --workers`: several processes behind one address, each of which sees what any of them was told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from firsthand import Client, Recipe
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, UNKNOWN
from firsthand.files.inputs import Digested
from firsthand.http import credentials
from firsthand.schemas.mixes import Part
from service.settings import Settings
from tests.conftest import on_both
from tests.factories import digests, model, register
from tests.service.processes import FIRSTHAND, Served, serving
from tests.service.test_health import samples
from tests.service.test_serve import STOPPED, ends

WORKERS = 4


def workers_of(parent: int) -> list[int]:
    """The processes that serve: children of `parent` that listen (multiprocessing has a helper of its own beside)."""
    (listening,) = sockets(parent)
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if listening in sockets(int(child))]


def sockets(pid: int) -> set[str]:
    """The listening sockets that a process has open, by their inodes."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{row[9]}]" for row in table if row[3] == "0A"}
    found = set[str]()
    with suppress(FileNotFoundError, PermissionError):  # it ended, or is a zombie
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed this moment
                found.add(os.readlink(link))
    return found & listening


def wait_for(served: Served, workers: int = WORKERS) -> list[int]:
    """The workers, once there are so many."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        running = workers_of(served.process.pid)
        if len(running) == workers:
            return running
        time.sleep(0.05)
    raise AssertionError(served.log.read_text())


@contextmanager
def four(settings: Settings, folder: Path) -> Iterator[tuple[Served, str]]:
    """A registry of four workers, and the administrator's key."""
    place = {"FIRSTHAND_DATA_DIR": str(settings.data_dir), "FIRSTHAND_DATABASE_URL": settings.database_url or ""}
    with serving(folder, "--workers", str(WORKERS), FIRSTHAND_MIGRATE_ON_START="true", **place) as served:
        yield served, credentials.load().registries[served.url].api_key


@contextmanager
def one_each(served: Served, key: str) -> Iterator[list[Client]]:
    """A client for each worker, on a connection that this worker keeps.

    A stopped worker accepts nothing: so while all others are stopped, the connection goes to the one that is left.
    """
    running = wait_for(served)
    with ExitStack() as stack:
        clients = []
        for mine in running:
            others = [pid for pid in running if pid != mine]
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            client = stack.enter_context(Client(served.url, key))
            client.whoami()
            for pid in others:
                os.kill(pid, signal.SIGCONT)
            clients.append(client)
        yield clients


@on_both
def test_what_one_worker_acknowledged_every_other_knows_at_once(empty_database: Settings, tmp_path: Path) -> None:
    mixed = Recipe(parts=[Part(verdict_in=["human"])])
    with four(empty_database, tmp_path / "work") as (served, key), one_each(served, key) as clients:
        items = digests(range(40))
        for number, writer in enumerate(clients * 2):
            mine = items[5 * number : 5 * (number + 1)]
            (made,) = [register(writer, mine, "human")]
            for reader in clients:
                looked = reader.lookup(items)
                assert looked.position >= made.id
                assert (looked.verdict == IS_HUMAN).sum() == 5 * (number + 1)
                assert (looked.verdict == UNKNOWN).sum() == 40 - 5 * (number + 1)
                assert reader.create_mix(mixed, dry_run=True).items == 5 * (number + 1)
                assert reader.statistics().now.claims == 5 * (number + 1)
        # models, corrections and keys as well
        model(clients[0], "local/m@1")
        register(clients[1], items[:10], "model", dataset="local/made", model="local/m@1")
        for reader in clients:
            assert (reader.lookup(items[:10]).verdict == CONTESTED).all()
        clients[2].withdraw(clients[0].lookup(items[:1]).position)
        for reader in clients:
            assert (reader.lookup(items).verdict == IS_HUMAN).all()
        mix = clients[3].create_mix(mixed)
        drawn = {b"".join(map(bytes, reader.mix_digests(str(mix.id)))) for reader in clients}
        assert len(drawn) == 1
        assert len(drawn.pop()) == 40 * 32


def test_metrics_are_those_of_all_workers_whichever_is_asked(empty_database: Settings, tmp_path: Path) -> None:
    with four(empty_database, tmp_path / "work") as (served, key), one_each(served, key) as clients:
        register(clients[0], digests(range(3)), "human")
        for client in clients:
            client.lookup(digests(range(5)))
        with httpx2.Client(base_url=served.url) as http:
            items = samples(http, "firsthand_items_total")
            assert items["registrations",] == 3
            assert items["lookups",] >= 5 * WORKERS
            before = samples(http, "firsthand_requests_total")
        os.kill(wait_for(served)[0], signal.SIGKILL)
        with httpx2.Client(base_url=served.url, transport=httpx2.HTTPTransport(retries=3)) as http:
            after = samples(http, "firsthand_requests_total")
            assert all(after[labels] >= count for labels, count in before.items())


@pytest.mark.slow
@on_both
def test_a_worker_killed_under_load_loses_nothing_and_is_replaced_while_the_address_answers(
    empty_database: Settings, tmp_path: Path
) -> None:
    with four(empty_database, tmp_path / "work") as (served, key):
        first = wait_for(served)
        with Client(served.url, key) as client:
            client.put_dataset("local/texts")
        stop, acknowledged = threading.Event(), dict[int, int]()

        def write(writer: int) -> None:
            with Client(served.url, key, retries=8) as client:
                for number in range(writer * 10_000, writer * 10_000 + 1_000):
                    if stop.is_set():
                        return
                    (made,) = client.register("local/texts", Digested(digests([number])), origin="human")
                    acknowledged[number] = made.id

        with ThreadPoolExecutor(6) as pool:
            writers = [pool.submit(write, writer) for writer in range(6)]
            for victim in first[:2]:
                before, until = len(acknowledged), time.monotonic() + 60
                while len(acknowledged) < before + 30 and time.monotonic() < until:
                    time.sleep(0.01)
                os.kill(victim, signal.SIGKILL)
                with httpx2.Client(transport=httpx2.HTTPTransport(retries=3)) as http:
                    assert http.get(f"{served.url}/healthz").status_code == 200
            assert ends(first[0])
            assert ends(first[1])
            running = wait_for(served)
            stop.set()
            for writer in writers:
                writer.result(timeout=60)
        assert len(set(running) & set(first)) == 2
        with Client(served.url, key) as client:
            items = digests(sorted(acknowledged))
            assert (client.lookup(items).verdict == IS_HUMAN).all()
            assert client.statistics().now.claims == len(acknowledged)  # retried, and none registered twice
            positions = [statement.position for statement in client.statements()]
            assert positions == list(range(1, len(positions) + 1))
        assert served.log.read_text().count("worker died and is replaced") == 2


def test_told_to_stop_every_worker_finishes_what_is_under_way(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as served:
        running = wait_for(served, 2)
        with Client() as client:
            client.put_dataset("local/texts")
        written = served.stop()
        assert served.process.returncode in STOPPED
        assert all(ends(pid, 0.5) for pid in running)
        assert "replaced" not in written
        assert "Traceback" not in written


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    with serving(tmp_path, "--workers", "2") as served:
        running = wait_for(served, 2)
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
        served.process.send_signal(how)
        served.process.wait(20)
        assert all(ends(pid) for pid in running)
        assert all(ends(int(child)) for child in children)


def test_ctrl_c_of_a_terminal_which_reaches_every_process_ends_them_in_peace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [*FIRSTHAND, "serve", "--port", "0", "--json", "--workers", "2"]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        ) as process,
    ):
        assert process.stdout is not None
        said = process.stdout.readline()
        running = wait_for(Served(process, {}, log), 2)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
        assert said.startswith("{")
        assert process.stdout.read() == ""  # the lines of a start are printed once
        assert process.returncode in (*STOPPED, 130)
        assert all(ends(pid) for pid in running)
        assert "Traceback" not in log.read_text()


def test_with_its_parent_it_ends_with_all_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--with-parent") as served:
        running = wait_for(served, 2)
        assert served.process.stdin is not None
        served.process.stdin.close()
        served.process.wait(20)
        assert all(ends(pid) for pid in running)


def test_the_number_can_stand_in_the_environment(tmp_path: Path) -> None:
    with serving(tmp_path, FIRSTHAND_WORKERS="3") as served:
        assert len(wait_for(served, 3)) == 3


def test_workers_are_ours_whatever_folder_it_is_started_in(tmp_path: Path) -> None:
    decoy = tmp_path / "service"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("raise RuntimeError('not ours')")
    assert sys.executable == FIRSTHAND[0]
    with serving(tmp_path, "--workers", "2") as served, Client() as client:
        wait_for(served, 2)
        assert client.whoami().organization == "local"
        assert "not ours" not in served.log.read_text()
