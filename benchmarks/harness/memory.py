"""Anonymous memory of a process, as the kernel counts it."""

import os
import threading
from pathlib import Path
from types import TracebackType


def anonymous(pid: int | None = None) -> int:
    """Resident anonymous memory (RssAnon) in bytes: what a process holds that is in no file."""
    for line in Path(f"/proc/{pid or os.getpid()}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel does not say RssAnon; measure on Linux 4.5 or newer")


class Watch:
    """The peak of a process's anonymous memory over what it held at first, while the `with` lasts.

    Looks every 20 ms; a peak shorter than that may be missed.
    """

    def __init__(self, pid: int | None = None, idle: int | None = None) -> None:
        """`idle` is for who knows what the process held before: what was freed since it may still keep."""
        self.pid = pid or os.getpid()
        self._idle = idle
        self.over_idle = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._done.wait(0.02):  # short: how often it looks, and no limit
            self._note()

    def _note(self) -> None:
        self.over_idle = max(self.over_idle, anonymous(self.pid) - (self._idle or 0))

    def __enter__(self) -> "Watch":
        self._idle = anonymous(self.pid) if self._idle is None else self._idle
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._note()
