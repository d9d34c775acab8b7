"""The anonymous memory of a process, as reported by the kernel."""

import os
import threading
from pathlib import Path


def anonymous_bytes(pid: int | None = None) -> int:
    """Return the resident anonymous memory (RssAnon) of a process in bytes, by default of this process."""
    for line in Path(f"/proc/{pid or os.getpid()}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel does not report RssAnon; run the benchmarks on Linux 4.5 or newer")


class MemoryWatch:
    """Measures the peak of the anonymous memory of a process above its idle memory, until the `with` block ends.

    It takes a sample every 20 ms, so it may miss a shorter peak.
    """

    def __init__(self, pid: int | None = None, idle: int | None = None) -> None:
        """Watch process `pid`, by default this one.

        `idle` is its memory in bytes before any work, by default the memory when the block starts. Pass it if the
        process has already worked, because a process may keep memory that it has freed.
        """
        self.pid = pid or os.getpid()
        self._idle = idle
        self.over_idle = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.02):  # short: the interval between two samples
            self._sample()

    def _sample(self) -> None:
        self.over_idle = max(self.over_idle, anonymous_bytes(self.pid) - (self._idle or 0))

    def __enter__(self) -> "MemoryWatch":
        self._idle = anonymous_bytes(self.pid) if self._idle is None else self._idle
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._sample()
