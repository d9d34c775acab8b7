"""The registry under load. It is killed at random times, and started again at the same address."""

import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.hammer.check_log import CheckLog
from benchmarks.harness import served_registry
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until


class RestartingServer:
    """A server, `firsthand serve --workers`, on a fixed port. Its `url` is the same after every start."""

    def __init__(self, folder: Path, workers: int, log: CheckLog, environment: Mapping[str, str]) -> None:
        self._folder, self._workers, self._log = folder, workers, log
        self._environment = {**environment, "FIRSTHAND_CONFIG_DIR": str(folder)}
        self.port = _free_port()
        self._lock = threading.Lock()
        #: The last time when the server was down, in seconds of `time.monotonic`. Earlier requests may get status 503.
        self.down_until = 0.0
        self._start()
        self.url, self.key = self._served.url, self._served.api_key

    def kill(self) -> None:
        """Send SIGKILL to all processes of the server at once, then start it again."""
        with self._lock:
            self.down_until = float("inf")
            self._served.kill()
            self._log.add_kill("servers")
            self._start()

    def kill_worker(self, random: np.random.Generator) -> None:
        """Send SIGKILL to one worker; the parent process starts another."""
        with self._lock:
            running = self._served.workers()
            if running:
                os.kill(int(random.choice(running)), signal.SIGKILL)
                self._log.add_kill("workers")

    def stop(self) -> None:
        """Stop the server with SIGTERM, as a service manager does. If it does not end, kill it."""
        try:
            self._served.stop()
        finally:
            self._served.kill()

    def _start(self) -> None:
        self._served = served_registry.start(
            self._folder, "--port", str(self.port), "--workers", str(self._workers), **self._environment
        )
        wait_until(self._is_ready, "the server is ready")
        self.down_until = time.monotonic()

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self._served.url}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
        except httpx2.TransportError:
            return False


def _free_port() -> int:
    """Return a free port below the range from which the kernel gives ports to clients.

    Otherwise a connection of a client could take the port while the server is down.
    """
    for port in np.random.default_rng().permutation(np.arange(20_000, 30_000))[:100]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", int(port)))
            except OSError:
                continue
            return int(port)
    raise RuntimeError("no port between 20000 and 30000 is free; stop other servers")


def kill_at_random(
    server: RestartingServer, seconds: float, random: np.random.Generator, stop: threading.Event
) -> None:
    """Kill the server about every 15 s and a worker about every 6 s, at random times, both at least once."""
    started = time.monotonic()
    servers, workers = (random.uniform(0.2, 0.85, max(round(seconds / every), 1)) for every in (15, 6))
    plan = sorted([(share, True) for share in servers] + [(share, False) for share in workers])
    for share, whole_server in plan:
        if stop.wait(max(started + share * seconds - time.monotonic(), 0)):
            return
        if whole_server:
            server.kill()
        else:
            server.kill_worker(random)
