"""Measure the anonymous memory of all workers of a server over time, and detect workers that ended."""

import threading
import time
from contextlib import suppress
from typing import NamedTuple

from benchmarks.harness.memory import anonymous_bytes
from benchmarks.harness.served_registry import ServedRegistry


class MemorySample(NamedTuple):
    """The anonymous memory of all workers together, in bytes, at a time of `time.monotonic`."""

    time: float
    anonymous: int


class WorkersWatch:
    """Takes a sample of the workers of a server at every interval, until the `with` block ends."""

    def __init__(self, served: ServedRegistry, workers: int, interval: float) -> None:
        """Watch a server with this number of workers. `interval` is the number of seconds between two samples."""
        self._served, self._workers, self._interval = served, workers, interval
        self._known = set(self._running())
        self.samples = list[MemorySample]()
        #: The process ids of workers that ended.
        self.died = set[int]()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def sample(self) -> int:
        """Take a sample now, and return the memory in bytes."""
        running = self._running()
        self.died |= self._known.difference(running)
        self._known.update(running)
        anonymous = 0
        for pid in running:
            with suppress(OSError):  # the worker has just ended
                anonymous += anonymous_bytes(pid)
        self.samples.append(MemorySample(time.monotonic(), anonymous))
        return anonymous

    def peak(self, start: float) -> int:
        """Return the highest memory, in bytes, of the samples since a time of `time.monotonic`."""
        return max((sample.anonymous for sample in list(self.samples) if sample.time >= start), default=0)

    def _running(self) -> list[int]:
        """Return the ids of the workers. A server with one worker is this worker itself."""
        if self._served.process.poll() is not None:
            return []
        if self._workers == 1:
            return [self._served.pid]
        with suppress(OSError):  # the server has just ended
            return self._served.workers()
        return []

    def _watch(self) -> None:
        while not self._done.wait(self._interval):
            self.sample()

    def __enter__(self) -> "WorkersWatch":
        self.sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.sample()
