"""The command `python -m benchmarks.hammer`. The docstring of `benchmarks.hammer` describes it."""

import argparse
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

import benchmarks.hammer
from benchmarks.bare.postgresql import database as postgresql_database
from benchmarks.hammer.check_log import CHECKS, CheckLog
from benchmarks.hammer.client import HammerClient
from benchmarks.hammer.expected_state import ExpectedState
from benchmarks.hammer.final_checks import check_all
from benchmarks.hammer.readers import BuiltMixes, ReaderActor, VerifierActor
from benchmarks.hammer.restarting_server import RestartingServer, kill_at_random
from benchmarks.hammer.writers import MODELS, WriterActor
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until

WRITERS, READERS, VERIFIERS = 4, 3, 2
#: Seconds from the start of one call to the start of the next.
_INTERVAL = {"writer": 0.2, "reader": 0.1, "verifier": 0.3}
#: Checks that must be made during the load. `check_all` makes the other one.
_CHECKS_OF_LOAD = [name for name in CHECKS if name != "gaps or unknown statements in the log"]


def hammer(database: str, seconds: float, workers: int, seed: int) -> CheckLog:
    """Run the load on a new registry, then the final checks. Returns the log of all checks."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firsthand-hammer-")))
        # One worker has bulk slots for all writers, so a 503 is always a fault while the server is running.
        environment = {
            "FIRSTHAND_DATA_DIR": str(folder),
            "FIRSTHAND_MIGRATE_ON_START": "true",
            "FIRSTHAND_DATABASE_URL": "",
            "FIRSTHAND_BULK_SLOTS": str(2 * WRITERS),
        }
        if database == "postgresql":
            environment["FIRSTHAND_DATABASE_URL"] = stack.enter_context(postgresql_database())
        log = CheckLog()
        server = RestartingServer(folder, workers, log, environment)
        stack.callback(server.stop)
        return _run(server, log, seconds, np.random.SeedSequence(seed))


def _run(server: RestartingServer, log: CheckLog, seconds: float, seeds: np.random.SeedSequence) -> CheckLog:
    admin = HammerClient(server, log, server.key)
    keys = _create_organizations(admin)
    state = ExpectedState([statement.position for statement in admin.client.statements()])
    mixes = BuiltMixes()
    clients, actors = [admin], list[tuple[str, Callable[[], None]]]()

    def connect(organization: str = "local") -> HammerClient:
        return HammerClient(server, log, keys[organization])

    def keep_open(client: HammerClient) -> HammerClient:
        clients.append(client)
        return client

    def random() -> np.random.Generator:
        return np.random.default_rng(seeds.spawn(1)[0])

    for number in range(WRITERS):
        organization = ("local", "other")[number % 2]
        writer = WriterActor(number, organization, keep_open(connect(organization)), state, log, random())
        actors.append(("writer", writer.act))
    actors += [("reader", ReaderActor(keep_open(connect()), state, mixes, log, random()).act) for _ in range(READERS)]
    actors += [("verifier", VerifierActor(connect, state, mixes, log, random()).act) for _ in range(VERIFIERS)]
    duration = _load(actors, log, seconds, lambda stop: kill_at_random(server, seconds, random(), stop))
    check_all(admin, state, mixes, log, random())
    for client in clients:
        client.close()
    items = sum(len(registration.items) for registration in state.registrations.values())
    print(f"{items:,} items in {len(state.registrations):,} registrations, {items / duration:,.0f} items per second")
    print(f"{state.frontier:,} log entries, {len(mixes.built):,} mixes\n{log.report(duration)}", flush=True)
    return log


def _create_organizations(admin: HammerClient) -> dict[str, str]:
    """Create two organizations, each with its datasets and models; return their API keys."""
    admin.client.create_organization("other")
    keys = {name: admin.client.create_key(name).key for name in ("local", "other")}
    for organization, key in keys.items():
        with_key = admin.with_key(key)
        for name in ("a", "b"):
            with_key.client.put_dataset(f"{organization}/{name}")
        for name, generation in MODELS.items():
            if name.startswith(organization):
                with_key.client.put_model(name, generation=generation)
        with_key.close()
    return keys


def _load(
    actors: Sequence[tuple[str, Callable[[], None]]],
    log: CheckLog,
    seconds: float,
    kill: Callable[[threading.Event], None],
) -> float:
    """Run all actors and `kill` at the same time for at least `seconds`; return the seconds that this took.

    The load continues until the server was killed at least once and every check was made, because a busy machine needs
    more time. Each actor finishes its last call.
    """
    stop, started = threading.Event(), time.monotonic()

    def repeat(interval: float, act: Callable[[], None]) -> None:
        due = time.monotonic()
        while not stop.wait(max(due - time.monotonic(), 0)):
            due = max(
                due + interval, time.monotonic() - interval
            )  # calls that were missed during a restart are not repeated
            act()

    def guard(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            log.check("call refused or not answered", False, traceback.format_exc())

    threads = [
        threading.Thread(target=guard, args=(lambda kind=kind, act=act: repeat(_INTERVAL[kind], act),))
        for kind, act in actors
    ]
    threads.append(threading.Thread(target=guard, args=(lambda: kill(stop),)))
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    with suppress(TimeoutError):  # the report shows a check that was never made
        wait_until(lambda: log.kills["servers"] > 0 and all(log.made[name] > 0 for name in _CHECKS_OF_LOAD))
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        detail = f"an actor got no response in {PATIENCE_SECONDS:.0f} s"
        log.check("call refused or not answered", not thread.is_alive(), detail)
    return time.monotonic() - started


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the hammer on each database; return 1 if there is a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hammer",
        description=benchmarks.hammer.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="duration of the load; default: 3")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql", "both"), default="both", help="database to use; default: both"
    )
    parser.add_argument("--workers", type=int, default=4, help="worker processes of the server; default: 4")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices; default: 0")
    options = parser.parse_args(arguments)
    failed = False
    for database in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
        print(f"{database}, {options.minutes:g} min, {options.workers} workers, seed {options.seed}", flush=True)
        log = hammer(database, 60 * options.minutes, options.workers, options.seed)
        print(f"{'FAULTS' if log.failed else 'no faults'}\n", flush=True)
        failed |= log.failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
