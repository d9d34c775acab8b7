"""The registry under the hammer: killed and started again at the same address."""

import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.hammer.ledger import Ledger
from benchmarks.harness import served_registry
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until


class Server:
    """`firsthand serve --workers` on a fixed port; `url` is the same after every start."""

    def __init__(self, folder: Path, workers: int, ledger: Ledger, environment: Mapping[str, str]) -> None:
        self._folder, self._workers, self._ledger = folder, workers, ledger
        self._environment = {**environment, "FIRSTHAND_CONFIG_DIR": str(folder)}
        self.port = _free_port()
        self._lock = threading.Lock()
        #: When it was last seen down, as `time.monotonic` tells; answers to what was sent before may be 503.
        self.down_until = 0.0
        self._start()
        self.url, self.key = self._served.url, self._served.api_key

    def kill(self) -> None:
        """SIGKILL to every process of the server at once, then a start."""
        with self._lock:
            self.down_until = float("inf")
            self._served.kill()
            self._ledger.killed("servers")
            self._start()

    def kill_worker(self, random: np.random.Generator) -> None:
        """SIGKILL to one worker; the parent starts another."""
        with self._lock:
            running = self._served.workers()
            if running:
                os.kill(int(random.choice(running)), signal.SIGKILL)
                self._ledger.killed("workers")

    def stop(self) -> None:
        """End it as a service manager would; kill what has not ended after a while."""
        try:
            self._served.stop()
        finally:
            self._served.kill()

    def _start(self) -> None:
        self._served = served_registry.start(
            self._folder,
            *("--port", str(self.port), "--workers", str(self._workers)),
            **self._environment,
        )
        wait_until(self._is_ready, "the server is ready")
        self.down_until = time.monotonic()

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self._served.url}/readyz", timeout=PATIENCE_SECONDS).status_code == 200
        except httpx2.TransportError:
            return False


def _free_port() -> int:
    """Below those that the kernel gives to clients: one of ours could otherwise take it while the server is down."""
    for port in np.random.default_rng().permutation(np.arange(20_000, 30_000))[:100]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", int(port)))
            except OSError:
                continue
            return int(port)
    raise RuntimeError("no port between 20000 and 30000 is free")


def harass(server: Server, seconds: float, random: np.random.Generator, stop: threading.Event) -> None:
    """Kill the server about every 15 s, at least once, and a worker about every 6 s, at random moments."""
    begun = time.monotonic()
    servers, workers = (random.uniform(0.2, 0.85, max(round(seconds / every), 1)) for every in (15, 6))
    plan = sorted([(at, True) for at in servers] + [(at, False) for at in workers])
    for at, whole in plan:
        if stop.wait(max(begun + at * seconds - time.monotonic(), 0)):
            return
        if whole:
            server.kill()
        else:
            server.kill_worker(random)
