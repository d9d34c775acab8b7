"""Work for the processes of the pool. A module of its own: each process imports it, and it imports little."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from benchmarks.harness.waiting import wait_until


@contextmanager
def working(how: str, folder: Path) -> Iterator[Callable[[int], Iterator[Any]]]:
    """A task gives two results; `how` says what happens beside that."""

    def work(task: int) -> Iterator[Any]:
        if how == "die" and task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "fail" and task == 3:
            raise ZeroDivisionError("{braces} are kept")
        if how == "first last" and task == 0:
            wait_until(lambda: len(list(folder.iterdir())) == 2, "other processes are done with two tasks")
        yield task, 0
        yield task, 1
        if how == "first last" and task in (1, 2):
            (folder / f"{task} is done").touch()
        if how == "for ever":
            Event().wait()

    yield work
