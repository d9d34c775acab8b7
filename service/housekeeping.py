"""Background jobs of a process: a thread runs each of them repeatedly. No request waits for them."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

logger = structlog.get_logger("firsthand")


class Job(NamedTuple):
    """Something to do every so many seconds, and with `at_end` once more when the process stops."""

    name: str
    seconds: float
    run: Callable[[], object]
    at_end: bool = False


class Housekeeping:
    """Runs jobs, one at a time. A job that fails is logged, and runs again at its next time."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs, self._stop = jobs, threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Start the thread. Every job runs first after its own time, or after a minute if that is shorter."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread, and run the jobs that run at the end."""
        self._stop.set()
        self._thread.join()
        for job in self._jobs:
            if job.at_end:
                _run(job)

    def _work(self) -> None:
        due = [time.monotonic() + min(job.seconds, 60.0) for job in self._jobs]
        while not self._stop.wait(max(0.0, min(due) - time.monotonic())):
            for number, job in enumerate(self._jobs):
                if due[number] <= time.monotonic():
                    _run(job)
                    due[number] = time.monotonic() + job.seconds


def _run(job: Job) -> None:
    try:
        job.run()
    except Exception as error:  # the database can be away, or read-only; requests say so themselves
        logger.warning("a background job failed", job=job.name, error=str(error))
