"""The processes of the service: one process, or several workers on one address.

Several workers are started by a parent process, which does not answer requests itself. All workers accept connections
from one listening socket, which the parent opened. So if a worker dies, another worker accepts the waiting connections.
Workers share only the database.
"""

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from socket import socket
from tempfile import TemporaryDirectory
from types import FrameType

import structlog
import uvicorn

from service import logging_setup
from service.app import create_app
from service.http.limits import connections
from service.http.metrics import METRICS_FOLDER
from service.settings import Settings

log = structlog.get_logger("firsthand")

#: Seconds in which running requests can finish after SIGTERM or the first Ctrl-C.
_GRACE = 10
#: The parameter M_MMAP_THRESHOLD of mallopt(3).
_MMAP_THRESHOLD = -3
#: The number of open files of a process in addition to its connections: databases, snapshots, bodies on disk.
_OTHER_FILES = 500
#: Seconds between two checks of the workers.
_LOOK = 0.1
#: If a worker ends unexpectedly, it is replaced at the earliest this many seconds after its start. This prevents a busy
#: loop if every worker ends at its start, for example because the database does not answer.
_PAUSE = 1.0


def serve(settings: Settings, listener: socket, workers: int) -> None:
    """Answer requests on the listening socket until SIGTERM or SIGINT. A single worker runs in this process."""
    if workers == 1:
        server(settings, workers).run(sockets=[listener])
        return
    with TemporaryDirectory(prefix="firsthand-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder  # prometheus_client reads it when a worker imports it
        _Parent(settings, listener, workers).run()


def end_with(gone: Callable[[], object]) -> None:
    """Start a thread that sends SIGTERM to this process when `gone` returns.

    `gone` must wait until the parent process has ended, for example by waiting for a pipe to close.
    """

    def watch() -> None:
        gone()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def standard_input_closed() -> None:
    """Wait until standard input is closed. It closes when the parent process ends, even after SIGKILL."""
    while sys.stdin.buffer.read(4096):
        pass


def server(settings: Settings, workers: int = 1, port: int = 0) -> uvicorn.Server:
    """Return the server of the application in one of `workers` processes, with the checks of `connections`."""
    _allow_files(settings.max_connections)
    _return_large_memory()
    config = uvicorn.Config(
        create_app(settings, workers),
        port=port,
        http=connections.protocol(settings),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return uvicorn.Server(config)


def _return_large_memory() -> None:
    """Make glibc return freed blocks of 4 MiB and more to the system at once.

    By default, glibc raises this size by itself, up to 32 MiB, and a process keeps the memory of large bodies
    permanently.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 4 * 2**20)


def _allow_files(number: int) -> None:
    """Raise the soft limit of open files, if it is too low for this many connections and the hard limit allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = number + _OTHER_FILES
    if soft < needed and soft != resource.RLIM_INFINITY:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _work(settings: Settings, listener: socket, workers: int) -> None:
    """Run one of `workers` workers until it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    end_with(lambda: wait([parent.sentinel]))
    logging_setup.set_up(settings.log_format)
    server(settings, workers).run(sockets=[listener])


class _Parent:
    """The parent process: it starts the workers, replaces those that end unexpectedly, and stops all of them."""

    def __init__(self, settings: Settings, listener: socket, workers: int) -> None:
        # spawned, not forked: this process has threads, and a worker must not share its database connections
        self._context = multiprocessing.get_context("spawn")
        self._settings, self._listener = settings, listener
        self._stop, self._stop_now = threading.Event(), threading.Event()
        self._number, self._workers, self._started_at = workers, list[BaseProcess](), list[float]()

    def run(self) -> None:
        """Run the workers until SIGTERM or SIGINT."""
        with self._signals():
            self._workers = [self._start_worker() for _ in range(self._number)]
            self._started_at = [time.monotonic()] * self._number
            while not self._stop.wait(_LOOK):
                self._replace_dead()
            self._listener.close()
            self._end()

    def _start_worker(self) -> BaseProcess:
        worker = self._context.Process(
            target=_work, args=(self._settings, self._listener, self._number), name="firsthand-worker"
        )
        # the start of the tracker unblocks SIGINT, so the tracker must run before SIGINT is blocked for the worker
        resource_tracker.ensure_running()
        # Ctrl-C sends SIGINT to all processes of a terminal. A worker inherits the block; the parent sends it SIGTERM
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        return worker

    def _replace_dead(self) -> None:
        for number, worker in enumerate(self._workers):
            if worker.is_alive() or time.monotonic() < self._started_at[number] + _PAUSE:
                continue
            log.warning("a worker died; starting another", worker=worker.pid, status=worker.exitcode)
            worker.close()
            self._workers[number], self._started_at[number] = self._start_worker(), time.monotonic()

    def _end(self) -> None:
        """Stop all workers: with SIGTERM, then with SIGKILL after the grace period or at the second signal."""
        for worker in self._workers:
            worker.terminate()
        deadline = time.monotonic() + _GRACE + 5
        while any(worker.is_alive() for worker in self._workers):
            if self._stop_now.wait(_LOOK) or time.monotonic() > deadline:
                for worker in self._workers:
                    worker.kill()
        for worker in self._workers:
            worker.join()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT: the first one stops the workers, the second one kills them."""

        def handle(_signal: int, _frame: FrameType | None) -> None:
            (self._stop_now if self._stop.is_set() else self._stop).set()

        before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
        yield
        for number, handler in before.items():
            signal.signal(number, handler)
