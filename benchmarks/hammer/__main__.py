"""`python -m benchmarks.hammer`; what it does is told in `benchmarks.hammer`."""

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
from benchmarks.hammer.calls import Caller
from benchmarks.hammer.final import check_all
from benchmarks.hammer.ledger import CHECKS, Ledger
from benchmarks.hammer.model import Model
from benchmarks.hammer.readers import Mixes, Reader, Verifier
from benchmarks.hammer.server import Server, harass
from benchmarks.hammer.writers import MODELS, Writer
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until

WRITERS, READERS, VERIFIERS = 4, 3, 2
#: Seconds from the beginning of one act to that of the next.
_PACE = {"writer": 0.2, "reader": 0.1, "verifier": 0.3}
#: Checks that `check_all` does not make again at the end.
_CHECKS_OF_LOAD = [name for name in CHECKS if name != "positions with gaps or unknown statements"]


def hammer(database: str, seconds: float, workers: int, seed: int) -> Ledger:
    """One registry, from its creation to the last check."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firsthand-hammer-")))
        place = {"FIRSTHAND_DATA_DIR": str(folder), "FIRSTHAND_MIGRATE_ON_START": "true", "FIRSTHAND_DATABASE_URL": ""}
        # places for all writers at one worker: a 503 while the server is up is then always a fault
        place["FIRSTHAND_BULK_SLOTS"] = str(2 * WRITERS)
        if database == "postgresql":
            place["FIRSTHAND_DATABASE_URL"] = stack.enter_context(postgresql_database())
        ledger = Ledger()
        server = Server(folder, workers, ledger, place)
        stack.callback(server.stop)
        return _run(server, ledger, seconds, np.random.SeedSequence(seed))


def _run(server: Server, ledger: Ledger, seconds: float, seeds: np.random.SeedSequence) -> Ledger:
    admin = Caller(server, ledger, server.key)
    keys = _set_up(admin)
    model, mixes = Model([statement.position for statement in admin.client.statements()]), Mixes()
    callers, actors = [admin], list[tuple[str, Callable[[], None]]]()

    def caller(organization: str = "local") -> Caller:
        callers.append(Caller(server, ledger, keys[organization]))
        return callers[-1]

    def random() -> np.random.Generator:
        return np.random.default_rng(seeds.spawn(1)[0])

    for number in range(WRITERS):
        organization = ("local", "other")[number % 2]
        actors.append(("writer", Writer(number, organization, caller(organization), model, ledger, random()).act))
    actors += [("reader", Reader(caller(), model, mixes, ledger, random()).act) for _ in range(READERS)]
    connect = lambda: Caller(server, ledger, keys["local"])  # noqa: E731
    actors += [("verifier", Verifier(connect, model, mixes, ledger, random()).act) for _ in range(VERIFIERS)]
    took = _load(actors, ledger, seconds, lambda stop: harass(server, seconds, random(), stop))
    check_all(admin, model, mixes, ledger, random())
    for each in callers:
        each.close()
    registered = sum(len(said.items) for said in model.registrations.values())
    print(f"{registered:,} items in {len(model.registrations):,} registrations, {registered / took:,.0f} a second")
    print(f"{model.frontier:,} positions, {len(mixes.kept):,} mixes\n{ledger.report(took)}", flush=True)
    return ledger


def _set_up(admin: Caller) -> dict[str, str]:
    """Two organizations with datasets and models of their own; their keys."""
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
    ledger: Ledger,
    seconds: float,
    harassing: Callable[[threading.Event], None],
) -> float:
    """All at once for so many seconds; each finishes the call that it is in. Returns how long it took.

    Goes on for longer until the server was killed once and every check was made: a busy machine needs more time.
    """
    stop, begun = threading.Event(), time.monotonic()

    def act(pace: float, work: Callable[[], None]) -> None:
        due = time.monotonic()
        while not stop.wait(max(due - time.monotonic(), 0)):
            due = max(due + pace, time.monotonic() - pace)  # after an outage no rush to make up for it
            work()

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            ledger.check("call that was not understood or refused", False, traceback.format_exc())

    threads = [
        threading.Thread(target=guarded, args=(lambda kind=kind, work=work: act(_PACE[kind], work),))
        for kind, work in actors
    ]
    threads.append(threading.Thread(target=guarded, args=(lambda: harassing(stop),)))
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    with suppress(TimeoutError):  # the ledger reports a check that was never made
        wait_until(lambda: ledger.kills["servers"] > 0 and all(ledger.made[name] > 0 for name in _CHECKS_OF_LOAD))
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        said = f"an actor was not answered in {PATIENCE_SECONDS:.0f} s"
        ledger.check("call that was not understood or refused", not thread.is_alive(), said)
    return time.monotonic() - begun


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=benchmarks.hammer.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    failed = False
    for database in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        print(f"{database}, {given.minutes:g} min, {given.workers} workers, seed {given.seed}", flush=True)
        ledger = hammer(database, 60 * given.minutes, given.workers, given.seed)
        print(f"{'FAULTS' if ledger.failed else 'no faults'}\n", flush=True)
        failed |= ledger.failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
