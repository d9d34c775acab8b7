"""A run of the fuzzer on a new registry: fill the registry, check the forms, send mutations, and report."""

import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.bare.inputs import random_digests
from benchmarks.bare.postgresql import database as postgresql_database
from benchmarks.fuzz.answers import FuzzRequest
from benchmarks.fuzz.fault_files import FaultFiles
from benchmarks.fuzz.forms import UploadForm, upload_forms
from benchmarks.fuzz.memory_growth import MemoryGrowth, memory_growth
from benchmarks.fuzz.sender import FuzzSender, fuzz_requests
from benchmarks.harness import served_registry
from benchmarks.harness.bench import DatabaseName, register_human, register_model
from benchmarks.harness.served_registry import ServedRegistry
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from benchmarks.harness.workers_watch import WorkersWatch
from firsthand import Client, Digested
from firsthand.core.digests import Digests

#: Seconds between two samples of the memory.
_SAMPLE_INTERVAL = 0.2
_ITEMS = 40


@dataclass(frozen=True)
class FuzzReport:
    """The result of a run: the answers by form and status, the memory of the workers, and the faults.

    The status of a request without an answer is None.
    """

    statuses: Counter[tuple[str, int | None]]
    seconds: float
    growth: MemoryGrowth
    died: int
    faults: Sequence[str]

    @property
    def requests(self) -> int:
        return self.statuses.total()

    def __str__(self) -> str:
        by_form = defaultdict[str, dict[int | None, int]](dict)
        for (form, status), number in self.statuses.items():
            by_form[form][status] = number
        statuses = sorted({status for _, status in self.statuses}, key=lambda status: (status is None, status or 0))
        names = ["none" if status is None else str(status) for status in statuses]
        lines = [f"{'form':<18}" + "".join(f"{name:>9}" for name in names)]
        for form, counts in by_form.items():
            lines.append(f"{form:<18}" + "".join(f"{counts.get(status, 0):>9,}" for status in statuses))
        rate = self.requests / self.seconds
        lines += [
            f"{self.requests:,} requests in {self.seconds:,.0f} s, {rate:,.0f} per second",
            f"anonymous memory of the workers, medians of six parts of the run: {self.growth}",
            f"{self.died} workers died, {len(self.faults)} faults",
        ]
        return "\n".join(lines)


def fuzz(
    seconds: float,
    seed: int,
    save: Path,
    *,
    database: DatabaseName = "sqlite",
    workers: int = 1,
    senders: int = 4,
    only: Sequence[str] = (),
) -> FuzzReport:
    """Send mutations of the forms `only` (default: all forms) to a new registry, and return the report."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firsthand-fuzz-")))
        environment = {
            "FIRSTHAND_DATA_DIR": str(folder),
            "FIRSTHAND_CONFIG_DIR": str(folder),
            "FIRSTHAND_MIGRATE_ON_START": "true",
            "FIRSTHAND_LOG_FORMAT": "json",
            # no budgets: a request that is refused because of its cost would test nothing
            "FIRSTHAND_KEY_BUDGET": "1000000000",
        }
        if database == "postgresql":
            environment["FIRSTHAND_DATABASE_URL"] = stack.enter_context(postgresql_database())
        served = stack.enter_context(served_registry.serve(folder, "--workers", str(workers), **environment))
        seeds = np.random.SeedSequence(seed).spawn(senders + 1)
        forms = _filled(served, np.random.default_rng(seeds[0]))
        _check_originals(served, forms)
        chosen = [form for form in forms if not only or form.name in only]
        faults = FaultFiles(save)
        running = [
            FuzzSender(served.url, served.api_key, fuzz_requests(forms, chosen, np.random.default_rng(own)), faults)
            for own in seeds[1:]
        ]
        if workers > 1:
            served.wait_for_workers(workers)
        return _run(WorkersWatch(served, workers, _SAMPLE_INTERVAL), running, faults, seconds)


def _run(watch: WorkersWatch, senders: Sequence[FuzzSender], faults: FaultFiles, seconds: float) -> FuzzReport:
    """Run all senders at the same time for `seconds` seconds. If all of them get no answers, the run ends earlier."""
    stop, started = threading.Event(), time.monotonic()
    threads = [threading.Thread(target=sender.run, args=(stop,), daemon=True) for sender in senders]
    with watch:
        for thread in threads:
            thread.start()
        while time.monotonic() < started + seconds and any(thread.is_alive() for thread in threads):
            stop.wait(min(_SAMPLE_INTERVAL, max(started + seconds - time.monotonic(), 0)))
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
            if thread.is_alive():
                faults.add(None, f"a request had no answer after {PATIENCE_SECONDS:.0f} s")
        took = time.monotonic() - started
    growth = memory_growth(watch.samples)
    if watch.died:
        faults.add(None, f"{len(watch.died)} workers died; the requests without an answer are saved")
    if growth.steady:
        faults.add(None, f"the memory of the workers grows steadily: {growth}")
    statuses = sum((sender.statuses for sender in senders), Counter[tuple[str, int | None]]())
    return FuzzReport(statuses, took, growth, len(watch.died), faults.faults)


def _filled(served: ServedRegistry, random: np.random.Generator) -> list[UploadForm]:
    """Fill the registry, so that the first body of every form is accepted. Return the forms."""
    digests = random_digests(_ITEMS, random)
    with Client(served.url, served.api_key) as client:
        wait_until(client.ready, "the server is ready")
        client.create_organization("other")
        client.put_model("local/m@1", generation=1)
        client.put_dataset("local/texts")
        client.put_dataset("local/d")
        (own,) = client.register("local/texts", Digested(digests), origin="human")
        register_model(client, random_digests(_ITEMS, random))
        register_human(client, random_digests(_ITEMS, random))
        spare = client.create_key("local", "spare")
        foreign = _register_elsewhere(served.url, client.create_key("other").key, digests)
    return upload_forms(spare.id, own.id, foreign, digests, random)


def _register_elsewhere(url: str, api_key: str, digests: Digests) -> int:
    """Register the digests as human items of another organization. Return the id of the registration."""
    with Client(url, api_key) as client:
        client.put_dataset("other/texts")
        (registered,) = client.register("other/texts", Digested(digests), origin="human")
        return registered.id


def _check_originals(served: ServedRegistry, forms: Sequence[UploadForm]) -> None:
    """Send the first body of every form. Raises RuntimeError if the answer is not the expected one.

    If the registry refuses the original body, its mutations test very little.
    """
    headers = {"Authorization": f"Bearer {served.api_key}"}
    with httpx2.Client(base_url=served.url, headers=headers, timeout=PATIENCE_SECONDS) as client:
        for form in forms:
            request = FuzzRequest(form.name, form.method, f"{form.path}?{form.queries[0]}", {}, form.originals[0])
            answer = client.request(
                request.method, request.target, headers={"Content-Type": form.media_type}, content=request.body
            )
            if answer.is_success != form.accepted:
                raise RuntimeError(
                    f"the first body of the form {form.name} got {answer.status_code}: {answer.text[:500]}"
                )
