"""The index of the snapshots in a folder: the file `index.json` with the summary of each.

Opening each snapshot to list them would take a tenth of a second per snapshot. The folders are what counts: a summary
without a folder is not listed, and a folder without a summary is read once and added.
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

#: By id. None stands for a damaged snapshot, which is not listed.
Summaries = Mapping[str, Summary | None]

_summaries = TypeAdapter(dict[str, Summary | None])
#: What identifies the version of the file: its inode, its time of change, its size.
_Version = tuple[int, int, int]


class SnapshotIndex:
    """The index of one folder, as one process sees it. Other processes may change the file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()
        self._version: _Version | None = None
        self._known: Summaries = {}

    def listed(self, summarize: Callable[[str], Summary | None]) -> list[Summary]:
        """Return the summary of every snapshot that has a folder.

        `summarize` reads the summary of a folder that is not in the index; it returns None if the folder is damaged.
        """
        ids = self._folders()
        known = self._read()
        missing = {id_: summarize(id_) for id_ in ids - known.keys()}
        if missing:
            self.update(missing)
        summaries = {**known, **missing}
        return [summary for id_ in ids if (summary := summaries[id_]) is not None]

    def update(self, changes: Summaries) -> None:
        """Write summaries into the file, and remove those whose folders were deleted."""
        try:
            with self._exclusive():
                ids = self._folders()
                changed = {**self._read(), **changes}
                kept = {id_: summary for id_, summary in changed.items() if id_ in ids}
                atomic.write_bytes(self._folder / FILE, _summaries.dump_json(kept), private=True)
        except OSError:
            pass  # a folder that cannot be written is listed from its folders, only more slowly

    def is_damaged(self, id_: str) -> bool:
        """Return whether the index says that a snapshot is damaged."""
        known = self._read()
        return id_ in known and known[id_] is None

    def _folders(self) -> set[str]:
        """Return the ids of the snapshots, by the names of their folders. None of them is opened."""
        try:
            return {path.name for path in self._folder.iterdir() if path.name[0] != "." and path.is_dir()}
        except FileNotFoundError:
            return set()

    def _read(self) -> Summaries:
        """Return what the file holds, parsed again only if it has changed. A damaged file counts as empty."""
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
        """Keep other threads and processes from changing the file."""
        lock = self._folder / f".{FILE}.lock"
        private_files.make_file(lock)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
