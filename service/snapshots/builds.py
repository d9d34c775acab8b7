"""Building snapshots beside the requests: one at a time, each by one process, stopped when the service stops."""

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from firsthand.core.verdicts import Verdicts
from firsthand.schemas.mixes import Part, Recipe
from firsthand.snapshots import Subject, Writer
from service.claims.catalog import View
from service.errors import Busy
from service.mixes.scan import Scan
from service.snapshots.store import Store
from service.storage.engine import Database

#: What a snapshot holds: all that anybody said anything of. Nobody's word is needed for unknown.
_KNOWN = Part(verdict_in=["human", "model", "contested"])
_EVERY_KEY = np.uint64(2**64 - 1)
_OTHER_PROCESS_SECONDS = 0.2


class Stopped(Exception):
    """The service is being stopped; what was half built is removed."""


class Builds:
    """The builds of one process."""

    def __init__(self, store: Store, database: Database) -> None:
        self._store, self._database = store, database
        self._pool = ThreadPoolExecutor(1, "snapshots")
        self._lock, self._running = threading.Lock(), dict[str, Future[None]]()
        self._stop = threading.Event()

    def ready(self, view: View, subject: Subject, seconds: float) -> bool:
        """Whether the snapshot at the view's position is there. It is built if it is not, and waited for so long.

        Raises Busy where there is no place for it.
        """
        id_ = subject.id
        if self._store.has(id_):
            self._forget(id_)
            return True
        with self._lock:
            if id_ not in self._running:
                self._running[id_] = self._pool.submit(self._build, view, subject)
            build = self._running[id_]
        try:
            build.result(seconds)
        except TimeoutError:
            return False
        except (OSError, Stopped) as error:
            self._forget(id_)
            raise Busy(f"The snapshot was not built: {error}. Ask again when that is mended.", 60) from error
        except BaseException:
            self._forget(id_)
            raise
        self._forget(id_)
        return True

    def close(self) -> None:
        """Stop what is being built, and wait for it."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget(self, id_: str) -> None:
        with self._lock:
            self._running.pop(id_, None)

    def _going(self) -> None:
        if self._stop.is_set():
            raise Stopped("the service is being stopped")

    def _build(self, view: View, subject: Subject) -> None:
        id_ = subject.id
        self._store.folder.mkdir(parents=True, exist_ok=True)
        with self._alone(id_):
            if self._store.has(id_):
                return
            beside = self._store.folder / f".{id_}.part"
            shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
            beside.mkdir()
            try:
                self._write(beside, view, subject)
                shutil.rmtree(self._store.folder / id_, ignore_errors=True)  # it is damaged, or it would be there
                os.rename(beside, self._store.folder / id_)
            finally:
                shutil.rmtree(beside, ignore_errors=True)

    def _write(self, folder: Path, view: View, subject: Subject) -> None:
        scan = Scan(self._database, view, Recipe(policy=subject.policy, as_of=view.position, parts=[_KNOWN]))
        with Writer(folder, subject) as writer:
            for chunk in scan.candidates(_KNOWN, lambda: _EVERY_KEY):
                self._going()
                writer.add(chunk.digests, Verdicts(chunk.verdict, chunk.generation, chunk.lower_bound))
            writer.finish(self._going)

    @contextmanager
    def _alone(self, id_: str) -> Iterator[None]:
        """While no other process builds the same; a lock of a process that was killed is gone with it."""
        with (self._store.folder / f".{id_}.lock").open("w") as file:
            while True:
                self._going()
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._stop.wait(_OTHER_PROCESS_SECONDS)
            yield
