"""The registry under the hammer: a process group of its own, killed and started again at the same address."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.hammer.ledger import Ledger
from firsthand.http import credentials

_START_SECONDS = 60


class Server:
    """`firsthand serve --workers` on a fixed port; `url` is the same after every start."""

    def __init__(self, folder: Path, workers: int, ledger: Ledger, environment: Mapping[str, str]) -> None:
        self._folder, self._workers, self._ledger = folder, workers, ledger
        self._environment = {**os.environ, "FIRSTHAND_CONFIG_DIR": str(folder), **environment}
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._lock = threading.Lock()
        #: When it was last seen down, as `time.monotonic` tells; answers to what was sent before may be 503.
        self.down_until = 0.0
        self._start()
        self.key = credentials.load(folder).registries[self.url].api_key

    def kill(self) -> None:
        """SIGKILL to every process of the server at once, then a start."""
        with self._lock:
            self.down_until = float("inf")
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._ledger.killed("servers")
            self._start()

    def kill_worker(self, random: np.random.Generator) -> None:
        """SIGKILL to one worker; the parent starts another."""
        with self._lock:
            running = self._worker_ids()
            if running:
                os.kill(int(random.choice(running)), signal.SIGKILL)
                self._ledger.killed("workers")

    def stop(self) -> None:
        """End it as a service manager would, and within reason."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self) -> None:
        command = [sys.executable, "-m", "firsthand", "serve", "--json", "--port", str(self.port)]
        with (self._folder / "serve.log").open("a") as log:
            self._process = subprocess.Popen(
                [*command, "--workers", str(self._workers)],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            line = said.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {(self._folder / 'serve.log').read_text()[-2000:]}")
        json.loads(line)
        self._wait_until_ready()
        self.down_until = time.monotonic()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=_START_SECONDS).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the server was not ready in {_START_SECONDS} s")

    def _worker_ids(self) -> list[int]:
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


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
