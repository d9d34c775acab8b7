"""Work shared among processes: results in the order of the tasks, errors that name the task, nothing left running.

Processes are spawned, so that no connection, lock or thread of this one is copied into them. An executor of the
standard library cannot end workers in the middle of a task, and a pool waits for ever for one that was killed.
"""

import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, resource_tracker
from typing import Any, Generic, TypeAlias, TypeVar

from firsthand.errors import FirsthandError

Task = TypeVar("Task")
Result = TypeVar("Result")
Work: TypeAlias = Callable[[Task], Iterator[Result]]
#: Makes a worker's work, once in each process. It is pickled, and so are tasks and results.
Setup: TypeAlias = Callable[[], AbstractContextManager[Work[Task, Result]]]

#: Tasks given out beyond the one whose results are awaited, for each worker: their results wait in memory.
_AHEAD = 4
#: Seconds for a worker to end before it is killed.
_GRACE = 5.0


def run(
    setup: Setup[Task, Result], tasks: Sequence[Task], workers: int, name: Callable[[Task], str]
) -> Iterator[Result]:
    """The results of all tasks, those of a task in its order, tasks in theirs; in this process where one is enough.

    A task's FirsthandError is raised here; any other error, and a worker that died, as one that says `name(task)`.
    However this ends, also by Ctrl-C or because nobody asks for more, all workers are ended first.
    """
    if workers == 1 or len(tasks) < 2:
        with setup() as work:
            for task in tasks:
                yield from work(task)
        return
    with _started(setup, min(workers, len(tasks))) as crew:
        yield from _Rounds(crew, tasks, name).results()


@dataclass
class _Worker:
    """A process and the line to it."""

    process: Any
    line: Any
    #: The number of the task that it works at.
    at: int | None = None


@dataclass
class _Rounds(Generic[Task, Result]):
    """Gives out tasks and gathers results, until all are there."""

    crew: list[_Worker]
    tasks: Sequence[Task]
    name: Callable[[Task], str]
    waiting: dict[int, deque[Result]] = field(default_factory=dict)
    given: int = 0
    done: set[int] = field(default_factory=set)

    def results(self) -> Iterator[Result]:
        for current in range(len(self.tasks)):
            while True:
                waiting = self.waiting.setdefault(current, deque())
                while waiting:
                    yield waiting.popleft()
                if current in self.done:
                    break
                self._give(current)
                self._hear()
            del self.waiting[current]

    def _give(self, current: int) -> None:
        most = min(len(self.tasks), current + 1 + _AHEAD * len(self.crew))
        for worker in self.crew:
            if worker.at is None and self.given < most:
                worker.at, self.given = self.given, self.given + 1
                worker.line.send(self.tasks[worker.at])

    def _hear(self) -> None:
        busy = {worker.line: worker for worker in self.crew if worker.at is not None}
        for line in connection.wait(list(busy)):
            worker = busy[line]
            assert worker.at is not None
            try:
                kind, what = worker.line.recv()
            except (EOFError, OSError):
                raise self._died(worker) from None
            if kind == "failed":
                raise FirsthandError(what.format(self.name(self.tasks[worker.at])))
            if kind == "result":
                self.waiting.setdefault(worker.at, deque()).append(what)
            else:
                self.done.add(worker.at)
                worker.at = None

    def _died(self, worker: _Worker) -> FirsthandError:
        worker.process.join(_GRACE)
        assert worker.at is not None
        at = self.name(self.tasks[worker.at])
        return FirsthandError(
            f"{at}: the process at work on it ended with {worker.process.exitcode}; too little memory?"
        )


@contextmanager
def _started(setup: Setup[Task, Result], number: int) -> Iterator[list[_Worker]]:
    spawn = get_context("spawn")
    crew: list[_Worker] = []
    try:
        with _without_interrupts():
            for _ in range(number):
                ours, theirs = spawn.Pipe()
                process = spawn.Process(target=_serve, args=(theirs, setup), daemon=True)
                process.start()
                theirs.close()
                crew.append(_Worker(process, ours))
        yield crew
    finally:
        for worker in crew:
            worker.process.terminate()
            worker.line.close()
        for worker in crew:
            worker.process.join(_GRACE)
            worker.process.kill()
            worker.process.join()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started in here never hears Ctrl-C, which a terminal says to all: the parent alone ends its workers.

    One that arrives here in the meantime is heard when this ends. A mask alone is not enough here, for any other thread
    may take the signal; and a worker inherits nothing but the mask.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # being started with the first process, it would let interrupts through again
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


def _serve(line: Any, setup: Setup[Task, Result]) -> None:
    """A worker's life: until its line is closed, or whoever was at the other end is gone.

    Ended from outside, it still leaves every block that it is in, and nothing half written.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with setup() as work:
            while True:
                for result in work(line.recv()):
                    line.send(("result", result))
                line.send(("done", None))
    except (EOFError, BrokenPipeError):
        return
    except FirsthandError as error:
        line.send(("failed", str(error).replace("{", "{{").replace("}", "}}")))
    except Exception as error:
        line.send(("failed", "{}: " + f"{type(error).__name__}: {error}".replace("{", "{{").replace("}", "}}")))
