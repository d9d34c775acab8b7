"""Build snapshots in the background.

A process builds one snapshot at a time, and each snapshot is built by only one process. When the service stops, a
running build stops too.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from firsthand.schemas.mixes import Part, Recipe
from firsthand.snapshots import SnapshotWriter, Subject
from service.claims.view import View
from service.errors import Unavailable
from service.mixes.scan import Scan
from service.snapshots.store import SnapshotStore
from service.storage import private_files
from service.storage.engine import Database

#: The items of a snapshot: all items whose verdict is not `unknown`.
_KNOWN = Part(verdict_in=["human", "model", "contested"])
_EVERY_KEY = np.uint64(2**64 - 1)
#: If another process builds the same snapshot: seconds between two checks whether its build has ended.
_OTHER_PROCESS_SECONDS = 0.2


class BuildStopped(Exception):
    """The build ended because the service stops. The unfinished files are removed."""


class SnapshotBuilds:
    """The builds of snapshots in one process. A thread runs them one after the other."""

    def __init__(self, store: SnapshotStore, database: Database) -> None:
        self._store, self._database = store, database
        self._pool = ThreadPoolExecutor(1, "snapshots")
        self._lock, self._running = threading.Lock(), dict[str, Future[None]]()
        self._stop = threading.Event()

    def ready(self, view: View, subject: Subject, seconds: float) -> bool:
        """Return whether the snapshot is ready. If it is not ready, start its build and wait for at most `seconds`.

        Raises Unavailable if the service stops, or if the files cannot be written, for example on a full disk.
        """
        id_ = subject.id
        if self._store.has(id_):
            self._forget(id_)
            return True
        with self._lock:
            # If a build ended when no request waited for it, do not use its result: its folder may have been deleted
            # since then.
            if id_ not in self._running or self._running[id_].done():
                self._running[id_] = self._pool.submit(self._build, view, subject)
            build = self._running[id_]
        try:
            build.result(seconds)
        except TimeoutError:
            return False
        except BuildStopped as error:
            self._forget(id_)
            raise Unavailable(
                "The snapshot was not built, because the registry is stopping. Send the request again after a minute.",
                60,
            ) from error
        except OSError as error:
            self._forget(id_)
            raise Unavailable(
                f"The snapshot was not built, because its files cannot be written: {error.strerror or error}, in the "
                f"folder {self._store.folder.absolute()} (FIRSTHAND_SNAPSHOTS_DIR). Ask the operator of the registry "
                "to check this folder and its disk, then send the request again.",
                60,
            ) from error
        except BaseException:
            self._forget(id_)
            raise
        self._forget(id_)
        return True

    def close(self) -> None:
        """Stop the running build, and wait until it has ended."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _forget(self, id_: str) -> None:
        with self._lock:
            self._running.pop(id_, None)

    def _check_running(self) -> None:
        if self._stop.is_set():
            raise BuildStopped("the service is stopping")

    def _build(self, view: View, subject: Subject) -> None:
        """Build a snapshot in a temporary folder, and rename the folder when it is complete."""
        id_ = subject.id
        private_files.make_folder(self._store.folder)
        with self._locked(id_):
            if self._store.has(id_):
                return
            temporary = self._store.folder / f".{id_}.part"
            shutil.rmtree(temporary, ignore_errors=True)  # from a process that was killed
            private_files.make_folder(temporary)
            try:
                self._write(temporary, view, subject)
                # A folder that exists now is damaged: for a complete one, `has` would have returned True.
                shutil.rmtree(self._store.folder / id_, ignore_errors=True)
                os.rename(temporary, self._store.folder / id_)
                self._store.add(id_)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def _write(self, folder: Path, view: View, subject: Subject) -> None:
        scan = Scan(self._database, view, Recipe(policy=subject.policy, as_of=view.position, parts=[_KNOWN]))
        with SnapshotWriter(folder, subject) as writer:
            for chunk in scan.candidates(_KNOWN, lambda: _EVERY_KEY):
                self._check_running()
                writer.add(chunk.digests, chunk.verdicts)
            writer.finish(self._check_running)

    @contextmanager
    def _locked(self, id_: str) -> Iterator[None]:
        """Hold the lock of this snapshot, so that no other process builds it at the same time.

        Waits until the lock is free. If a process is killed, the system releases its lock.
        """
        lock = self._store.folder / f".{id_}.lock"
        private_files.make_file(lock)
        with lock.open("w") as file:
            while True:
                self._check_running()
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._stop.wait(_OTHER_PROCESS_SECONDS)
            yield
