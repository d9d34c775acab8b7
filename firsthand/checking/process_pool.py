"""A pool of worker processes, for the user's files (`check`, `filter`) and for the simulator's runs alike.

Workers are spawned, so that no connection, lock or thread of this process is copied into them. The executors of the
standard library are not used: they cannot end a worker in the middle of a task, and one killed worker breaks them.

However the pool ends (all tasks are done, an error, Ctrl-C, no more results wanted), it ends its workers first:
SIGTERM, then SIGKILL after some seconds. If this process is killed, its workers end by themselves.
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
#: Makes the work of a worker, once per process. It is pickled, and so are tasks and results.
Setup: TypeAlias = Callable[[], AbstractContextManager[Work[Task, Result]]]

#: Tasks per worker that are given out before the results of the current task are complete; their results are buffered.
_AHEAD = 4
#: Seconds until a worker that was asked to end is killed.
_GRACE = 5.0


@dataclass(frozen=True)
class TaskEvent(Generic[Result]):
    """Something that happened to a task: it has a result, it is done, it failed, or its worker was lost."""

    task: int
    kind: Literal["result", "done", "failed", "lost"]
    value: Any = None
    """the result; if failed, the message, with `{}` for the name of the task; if lost, the exit status of the worker"""


@dataclass
class PoolWorker:
    """A worker process and the pipe to it."""

    process: Any
    pipe: Any
    task: int | None = None
    """the task that it works on"""


def run(
    setup: Setup[Task, Result], tasks: Sequence[Task], workers: int, name: Callable[[Task], str]
) -> Iterator[Result]:
    """Yield the results of all tasks in the order of the tasks; with one worker or one task, without other processes.

    Raises the FirsthandError of a task. Any other error, and a lost worker, is raised as a FirsthandError with the name
    of the task.
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
                    f"{name(tasks[event.task])}: the worker process ended with exit status {event.value}. If memory is "
                    "short, use fewer --workers"
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
    """Yield what happens to the tasks, as it happens, in worker processes; only tasks below `limit()` are given out.

    A worker that is lost, or whose task failed, is replaced.
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
                    with suppress(OSError):  # a worker that died meanwhile is seen below
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
    """Start processes in this block that never receive Ctrl-C, which a terminal sends to all: this process ends them.

    An interrupt that arrives during the block is handled after it. A signal mask alone is not enough for this process,
    because another thread may receive the signal; a worker inherits the mask only.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # it would start with the first process, and then unblock interrupts
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
    """Work on tasks in a worker process, until the pipe is closed or the parent is gone.

    SIGTERM raises SystemExit, so that the worker leaves its context managers and no half-written file stays.
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
    """End this worker, as SIGTERM does, when its parent has ended, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_GRACE)  # a task that does not return to Python in time loses its worker
        os._exit(128 + signal.SIGTERM)
