"""The processes that serve: one, or several behind one address, watched by a parent that serves nothing itself.

All accept from one listening socket, which the parent opened: a connection that waits there while a worker dies is
taken by another. Workers share nothing but the database, whose positions their catalogs go by.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from socket import socket
from tempfile import TemporaryDirectory
from types import FrameType

import structlog
import uvicorn

from service.app import create_app
from service.http import logging_setup
from service.http.middleware import METRICS_FOLDER
from service.settings import Settings

log = structlog.get_logger("firsthand")

#: After the first Ctrl-C, answers under way are finished within so many seconds.
_GRACE = 10
#: How often the parent looks, and how long it waits before it replaces a worker that died young: no busy loop where
#: each dies at once (a database that is away).
_LOOK, _PAUSE = 0.1, 1.0


def serve(settings: Settings, listener: socket, workers: int) -> None:
    """Answer on the listening socket until SIGTERM or SIGINT; with one worker, in this process."""
    if workers == 1:
        _server(settings).run(sockets=[listener])
        return
    with TemporaryDirectory(prefix="firsthand-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder  # prometheus_client reads it when it is imported: in the workers
        _Parent(settings, listener, workers).run()


def end_with(gone: Callable[[], object]) -> None:
    """End this process, as SIGTERM does, when `gone` returns. For the pipes that close however a parent ends."""

    def watch() -> None:
        gone()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def standard_input_closed() -> None:
    """Returns when standard input is at its end: a parent holds it open, and SIGKILL closes it too."""
    while sys.stdin.buffer.read(4096):
        pass


def _server(settings: Settings) -> uvicorn.Server:
    app = create_app(settings)
    return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE))


def _work(settings: Settings, listener: socket) -> None:
    """One worker, from its start to its end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    end_with(lambda: wait([parent.sentinel]))
    logging_setup.set_up(settings.log_format)
    _server(settings).run(sockets=[listener])


class _Parent:
    """Starts the workers, replaces those that die, and ends them all."""

    def __init__(self, settings: Settings, listener: socket, workers: int) -> None:
        # spawned, not forked: this process has threads, and a worker must not share its database connections
        self._context = multiprocessing.get_context("spawn")
        self._settings, self._listener = settings, listener
        self._told, self._hurry = threading.Event(), threading.Event()
        self._number, self._workers, self._since = workers, list[BaseProcess](), list[float]()

    def run(self) -> None:
        with self._signals():
            self._workers = [self._started() for _ in range(self._number)]
            self._since = [time.monotonic()] * self._number
            while not self._told.wait(_LOOK):
                self._replace()
            self._listener.close()
            self._end()

    def _started(self) -> BaseProcess:
        worker = self._context.Process(target=_work, args=(self._settings, self._listener), name="firsthand-worker")
        resource_tracker.ensure_running()  # its start would unblock what is blocked here
        # Ctrl-C reaches every process of a terminal; a worker inherits that it is blocked, and ends when it is told
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        return worker

    def _replace(self) -> None:
        for place, worker in enumerate(self._workers):
            if worker.is_alive() or time.monotonic() < self._since[place] + _PAUSE:
                continue
            log.warning("worker died and is replaced", worker=worker.pid, status=worker.exitcode)
            worker.close()
            self._workers[place], self._since[place] = self._started(), time.monotonic()

    def _end(self) -> None:
        for worker in self._workers:
            worker.terminate()
        until = time.monotonic() + _GRACE + 5
        while any(worker.is_alive() for worker in self._workers):
            if self._hurry.wait(_LOOK) or time.monotonic() > until:
                for worker in self._workers:
                    worker.kill()
        for worker in self._workers:
            worker.join()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def tell(_signal: int, _frame: FrameType | None) -> None:
            (self._hurry if self._told.is_set() else self._told).set()

        before = {sign: signal.signal(sign, tell) for sign in (signal.SIGTERM, signal.SIGINT)}
        yield
        for sign, handler in before.items():
            signal.signal(sign, handler)
