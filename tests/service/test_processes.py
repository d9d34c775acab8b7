"""`firsthand serve --workers`: several processes behind one address, each of which sees what any of them was told."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest

from benchmarks.harness.served_registry import FIRSTHAND, STOPPED, ServedRegistry, serve
from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand import Client, Recipe
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, UNKNOWN
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Part
from service.settings import Settings
from tests.conftest import on_both
from tests.factories import digests, model, register
from tests.service.processes import environment_of, is_running, wait_for_end, wait_for_size
from tests.service.wire import samples

pytestmark = pytest.mark.slow

WORKERS = 4


@contextmanager
def four(settings: Settings, folder: Path) -> Iterator[ServedRegistry]:
    """A registry of four workers."""
    environment = {"FIRSTHAND_MIGRATE_ON_START": "true", **environment_of(settings)}
    with serve(folder, "--workers", str(WORKERS), **environment) as served:
        yield served


@contextmanager
def client_of_each_worker(served: ServedRegistry) -> Iterator[list[Client]]:
    """A client for each worker, on a connection that this worker keeps.

    A stopped worker accepts nothing: so while all others are stopped, the connection goes to the one that is left.
    """
    running = served.wait_for_workers(WORKERS)
    with ExitStack() as stack:
        clients = []
        for mine in running:
            others = [pid for pid in running if pid != mine]
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            client = stack.enter_context(Client(served.url, served.api_key))
            client.whoami()
            for pid in others:
                os.kill(pid, signal.SIGCONT)
            clients.append(client)
        yield clients


@on_both
def test_what_one_worker_acknowledged_is_seen_by_every_other_at_once(empty_database: Settings, tmp_path: Path) -> None:
    mixed = Recipe(parts=[Part(verdict_in=["human"])])
    with four(empty_database, tmp_path / "work") as served, client_of_each_worker(served) as clients:
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


def test_every_worker_answers_with_the_metrics_of_all_workers(empty_database: Settings, tmp_path: Path) -> None:
    with four(empty_database, tmp_path / "work") as served, client_of_each_worker(served) as clients:
        register(clients[0], digests(range(3)), "human")
        for client in clients:
            client.lookup(digests(range(5)))
        with httpx2.Client(base_url=served.url) as http:
            items = samples(http, "firsthand_items_total")
            assert items["registrations",] == 3
            assert items["lookups",] >= 5 * WORKERS
            before = samples(http, "firsthand_requests_total")
        os.kill(served.wait_for_workers(WORKERS)[0], signal.SIGKILL)
        with httpx2.Client(base_url=served.url, transport=httpx2.HTTPTransport(retries=3)) as http:
            after = samples(http, "firsthand_requests_total")
            assert all(after[labels] >= count for labels, count in before.items())


@on_both
def test_a_worker_killed_under_load_loses_nothing_and_is_replaced_while_the_address_answers(
    empty_database: Settings, tmp_path: Path
) -> None:
    with four(empty_database, tmp_path / "work") as served:
        key, first = served.api_key, served.wait_for_workers(WORKERS)
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
                wait_for_size(acknowledged, len(acknowledged) + 30)
                os.kill(victim, signal.SIGKILL)
                with httpx2.Client(transport=httpx2.HTTPTransport(retries=3)) as http:
                    assert http.get(f"{served.url}/healthz").status_code == 200
            for victim in first[:2]:
                wait_for_end(victim)
            running = served.wait_for_workers(WORKERS)
            stop.set()
            for writer in writers:
                writer.result(timeout=PATIENCE_SECONDS)
        assert len(set(running) & set(first)) == 2
        with Client(served.url, key) as client:
            items = digests(sorted(acknowledged))
            assert (client.lookup(items).verdict == IS_HUMAN).all()
            assert client.statistics().now.claims == len(acknowledged)  # retried, and none registered twice
            positions = [statement.position for statement in client.statements()]
            assert positions == list(range(1, len(positions) + 1))
        assert served.log.read_text().count("a worker died; starting another") == 2


def test_on_sigterm_every_worker_finishes_the_requests_under_way(tmp_path: Path) -> None:
    with serve(tmp_path, "--workers", "2") as served:
        running = served.wait_for_workers(2)
        with Client() as client:
            client.put_dataset("local/texts")
        written = served.stop()
        assert served.process.returncode in STOPPED
        assert not any(is_running(pid) for pid in running)
        assert "replaced" not in written
        assert "Traceback" not in written


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    with serve(tmp_path, "--workers", "2") as served:
        running = served.wait_for_workers(2)
        children = Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text().split()
        served.process.send_signal(how)
        served.process.wait(PATIENCE_SECONDS)
        for pid in {*running, *map(int, children)}:
            wait_for_end(pid)


def test_ctrl_c_of_a_terminal_reaches_every_process_and_ends_all_without_a_traceback(tmp_path: Path) -> None:
    with serve(tmp_path, "--workers", "2") as served:
        running = served.wait_for_workers(2)
        served.signal_all(signal.SIGINT)
        served.process.wait(PATIENCE_SECONDS)
        assert served.process.stdout is not None
        assert served.process.stdout.read() == ""  # the lines of a start are printed once
        assert served.process.returncode in (*STOPPED, 130)
        for pid in running:
            wait_for_end(pid)
        assert "Traceback" not in served.log.read_text()


def test_with_its_parent_it_ends_with_all_workers(tmp_path: Path) -> None:
    with serve(tmp_path, "--workers", "2", "--with-parent") as served:
        running = served.wait_for_workers(2)
        assert served.process.stdin is not None
        served.process.stdin.close()
        served.process.wait(PATIENCE_SECONDS)
        for pid in running:
            wait_for_end(pid)


def test_the_number_can_stand_in_the_environment(tmp_path: Path) -> None:
    with serve(tmp_path, FIRSTHAND_WORKERS="3") as served:
        assert len(served.wait_for_workers(3)) == 3


def test_workers_are_ours_whatever_folder_it_is_started_in(tmp_path: Path) -> None:
    decoy = tmp_path / "service"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("raise RuntimeError('not ours')")
    assert sys.executable == FIRSTHAND[0]
    with serve(tmp_path, "--workers", "2") as served, Client() as client:
        served.wait_for_workers(2)
        assert client.whoami().organization == "local"
        assert "not ours" not in served.log.read_text()
