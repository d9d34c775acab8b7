"""The index of the snapshots in a folder: the file `index.json` with the summary of each snapshot.

Opening every snapshot for a list would take a tenth of a second per snapshot. The folders decide which snapshots are
listed: if a summary has no folder, it is not listed; if a folder has no summary, the folder is read once and its
summary is added.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from pydantic import TypeAdapter, ValidationError

from firsthand.files import atomic
from firsthand.schemas.snapshots import Summary
from service.storage import private_files

FILE = "index.json"

#: The summary of each snapshot, by its id. None means that the snapshot is damaged: it is not listed.
Summaries = Mapping[str, Summary | None]

_summaries = TypeAdapter(dict[str, Summary | None])
#: The values that identify a version of the file: its inode, its time of change, its size.
_Version = tuple[int, int, int]


class SnapshotIndex:
    """The index of one folder, as one process sees it. Other processes may change the file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()
        self._version: _Version | None = None
        self._known: Summaries = {}

    def listed(self, summarize: Callable[[str], Summary | None]) -> list[Summary]:
        """Return the summary of every snapshot that has a folder and is not damaged.

        If a folder is not in the index, read its summary with `summarize` and add it to the index. `summarize` returns
        None for a damaged folder.
        """
        ids = self._folders()
        known = self._read()
        missing = {id_: summarize(id_) for id_ in ids - known.keys()}
        if missing:
            self.update(missing)
        summaries = {**known, **missing}
        return [summary for id_ in ids if (summary := summaries[id_]) is not None]

    def update(self, changes: Summaries) -> None:
        """Write these summaries into the file, and remove the summaries whose folders were deleted.

        If the file cannot be written, nothing happens: the folders are then read for each list, which is slower.
        """
        try:
            with self._exclusive():
                ids = self._folders()
                changed = {**self._read(), **changes}
                kept = {id_: summary for id_, summary in changed.items() if id_ in ids}
                atomic.write_bytes(self._folder / FILE, _summaries.dump_json(kept), private=True)
        except OSError:
            pass  # without the file, each list reads the folders, which is only slower

    def is_damaged(self, id_: str) -> bool:
        """Return whether the index says that a snapshot is damaged."""
        known = self._read()
        return id_ in known and known[id_] is None

    def _folders(self) -> set[str]:
        """Return the ids of all snapshots in the folder: the names of its subfolders. No snapshot is opened."""
        try:
            return {path.name for path in self._folder.iterdir() if path.name[0] != "." and path.is_dir()}
        except FileNotFoundError:
            return set()

    def _read(self) -> Summaries:
        """Return the content of the file. It is parsed again only if it has changed. A damaged file counts as empty."""
        with self._lock:
            try:
                status = (self._folder / FILE).stat()
                version = status.st_ino, status.st_mtime_ns, status.st_size
                if version != self._version:
                    self._known = _summaries.validate_json((self._folder / FILE).read_bytes())
                    self._version = version
            except (OSError, ValidationError):
                self._known, self._version = {}, None
            return self._known

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock of the file, so that no other thread or process changes the file."""
        lock = self._folder / f".{FILE}.lock"
        private_files.make_file(lock)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
