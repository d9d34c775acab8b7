"""A pool of worker processes. The commands `check` and `filter` and the runs of the simulator use it.

Workers are spawned, so that no connection, lock or thread of this process is copied into them. The executors of the
standard library are not used: they cannot end a worker in the middle of a task, and one killed worker breaks them.

The pool ends its workers when all tasks are done, after an error, after Ctrl-C, and when the caller stops reading
results. It sends SIGTERM, then SIGKILL after some seconds. If this process is killed, its workers end by themselves.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, resource_tracker
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from firsthand.errors import FirsthandError

Task = TypeVar("Task")
Result = TypeVar("Result")
Work: TypeAlias = Callable[[Task], Iterator[Result]]
#: A function that returns a context manager of the function that works on tasks. It is called once per process. The
#: function, the tasks and the results are pickled.
Setup: TypeAlias = Callable[[], AbstractContextManager[Work[Task, Result]]]

#: The number of tasks per worker that may be started before the results of the current task are complete. Their results
#: are buffered, so that they are yielded in the order of the tasks.
_AHEAD = 4
#: Seconds between SIGTERM and SIGKILL, in which a worker can end by itself.
_GRACE = 5.0


@dataclass(frozen=True)
class TaskEvent(Generic[Result]):
    """An event of a task: a result, its end (done), an error (failed), or the unexpected end of its worker (lost)."""

    task: int
    kind: Literal["result", "done", "failed", "lost"]
    value: Any = None
    """result: the result; failed: the message, with `{}` instead of the name of the task; lost: the exit status"""


@dataclass
class PoolWorker:
    """A worker process and the pipe to it."""

    process: Any
    pipe: Any
    task: int | None = None
    """the index of the task that the worker runs; None if the worker is idle"""


def run(
    setup: Setup[Task, Result], tasks: Sequence[Task], workers: int, name: Callable[[Task], str]
) -> Iterator[Result]:
    """Yield the results of all tasks, in the order of the tasks.

    With one worker, or fewer than two tasks, this process does the work and starts no other process. Then the errors of
    a task are raised unchanged. Otherwise an error of a task, and the unexpected end of a worker, raise FirsthandError.
    The message contains the error, and for an error that is not a FirsthandError also the name of the task.
    """
    if workers == 1 or len(tasks) < 2:
        with setup() as work:
            for task in tasks:
                yield from work(task)
        return
    current, done = 0, set[int]()
    buffered: defaultdict[int, deque[Result]] = defaultdict(deque)
    with closing(run_unordered(setup, tasks, workers, lambda: current + 1 + _AHEAD * workers)) as events:
        for event in events:
            if event.kind == "failed":
                raise FirsthandError(event.value.format(name(tasks[event.task])))
            if event.kind == "lost":
                raise FirsthandError(
                    f"{name(tasks[event.task])}: the worker process ended with exit status {event.value}. If the "
                    "memory was full, use fewer --workers"
                )
            if event.kind == "result":
                buffered[event.task].append(event.value)
            else:
                done.add(event.task)
            while buffered[current] or current in done:
                while buffered[current]:
                    yield buffered[current].popleft()
                if current not in done:
                    break
                del buffered[current]
                current += 1


def run_unordered(
    setup: Setup[Task, Result],
    tasks: Sequence[Task],
    workers: int,
    limit: Callable[[], int] = lambda: sys.maxsize,
) -> Generator[TaskEvent[Result], None, None]:
    """Run the tasks in worker processes. Yield an event for each result, and an event when a task ends.

    A task ends with done, failed or lost. Only tasks with an index below `limit()` are started. After failed or lost,
    the worker is replaced by a new one.
    """
    given = 0
    crew: list[PoolWorker] = []
    try:
        with _without_interrupts():
            crew += [_start(setup) for _ in range(min(workers, len(tasks)))]
        while True:
            for worker in crew:
                if worker.task is None and given < min(len(tasks), limit()):
                    worker.task, given = given, given + 1
                    with suppress(OSError):  # if the worker has ended, `_receive` reports it
                        worker.pipe.send(tasks[worker.task])
            busy = {worker.pipe: worker for worker in crew if worker.task is not None}
            if not busy:
                return
            for pipe in connection.wait(list(busy)):
                worker = busy[pipe]
                assert worker.task is not None
                event = _receive(worker, worker.task)
                if event.kind != "result":
                    worker.task = None
                if event.kind in ("failed", "lost"):
                    crew.remove(worker)
                    _end([worker])
                    if given < len(tasks):
                        with _without_interrupts():
                            crew.append(_start(setup))
                yield event
    finally:
        _end(crew)


def _receive(worker: PoolWorker, task: int) -> TaskEvent[Any]:
    try:
        kind, value = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(_GRACE)
        return TaskEvent(task, "lost", worker.process.exitcode)
    return TaskEvent(task, kind, value)


def _start(setup: Setup[Task, Result]) -> PoolWorker:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, setup), daemon=True)
    process.start()
    theirs.close()
    return PoolWorker(process, ours)


def _end(crew: Sequence[PoolWorker]) -> None:
    for worker in crew:
        worker.process.terminate()
        worker.pipe.close()
    for worker in crew:
        worker.process.join(_GRACE)
        worker.process.kill()
        worker.process.join()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start worker processes in this block: they do not receive Ctrl-C (SIGINT).

    A terminal sends Ctrl-C to all processes. Only this process handles it, and then ends its workers. If Ctrl-C arrives
    during the block, it is handled after the block. In this process, a signal mask alone is not enough, because another
    thread may receive the signal. A worker inherits only the mask.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # if it started later, with the first process, it would unblock interrupts
    interrupts: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if interrupts:
            signal.raise_signal(signal.SIGINT)


def _serve(pipe: Any, setup: Setup[Task, Result]) -> None:
    """Work on tasks in a worker process, until the pipe is closed or the parent process has ended.

    SIGTERM raises SystemExit, so that the worker leaves its context managers and no incomplete file remains.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with setup() as work:
            while True:
                for result in work(pipe.recv()):
                    pipe.send(("result", result))
                pipe.send(("done", None))
    except (EOFError, BrokenPipeError):
        return
    except FirsthandError as error:
        pipe.send(("failed", str(error).replace("{", "{{").replace("}", "}}")))
    except Exception as error:
        pipe.send(("failed", "{}: " + f"{type(error).__name__}: {error}".replace("{", "{{").replace("}", "}}")))


def _end_with_parent() -> None:
    """Wait until the parent process has ended, even by SIGKILL. Then end this worker, as SIGTERM does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_GRACE)  # a task outside of Python code cannot handle SIGTERM: it ends here
        os._exit(128 + signal.SIGTERM)
