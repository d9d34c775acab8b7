"""The spool of a Recorder: digests on disk that are not registered yet. Processes can share its folder.

    FOLDER/lock                 held for a short time by a process that creates or takes over a folder
    FOLDER/recorder-*/lock      held by its process while it runs; the system releases it, also after SIGKILL
    FOLDER/recorder-*/*.spool   segments: opened for appending, then sealed, sent and removed
    FOLDER/recorder-*/*.refused why the registry refused the segment with the same name for good: a text in UTF-8

A segment has a header of 1,024 bytes (the magic line, a CRC-32, JSON padded with spaces) and records of 44 bytes. All
numbers are little-endian. A record has the length of its payload (uint32, always 36), the CRC-32 of its payload
(uint32), and the payload: the digest (32 bytes) and the size of the content in bytes (uint32). All items of a segment
belong to one statement, which is in the header. The name of the segment is the `occasion` of its registration, so a
segment that is sent twice is registered once.

Everything else in these folders is passed over, and named. A forked child inherits the files of its parent, and closes
them without a change in the folders, which belong to the parent.
"""

import errno
import fcntl
import os
import stat
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from firsthand.core.digests import Digests, Profile
from firsthand.core.names import DatasetName, ModelName
from firsthand.errors import ContentError
from firsthand.schemas.base import Request
from firsthand.schemas.registrations import Evidence

MAGIC = b"firsthand spool 1\n"
HEADER_BYTES = 1024

_RECORD = np.dtype([("length", "<u4"), ("crc", "<u4"), ("digest", "u1", 32), ("size", "<u4")])
RECORD_BYTES = _RECORD.itemsize
_PAYLOAD = RECORD_BYTES - 8
_LENGTH = _PAYLOAD.to_bytes(4, "little")

_FOLDER_PREFIX = "recorder-"
LOCK = "lock"
SEGMENT_SUFFIX, REFUSAL_SUFFIX = ".spool", ".refused"

#: Seconds per day. A time divided by it gives the number of days since 1970.
DAY_SECONDS = 86_400


class SegmentHeader(Request):
    """The statement about all items of a segment."""

    dataset: DatasetName
    model: ModelName
    evidence: Evidence
    #: The digest profile under which the items were hashed.
    profile: Profile
    #: The day on which the items were made, UTC.
    day: date


class Segment(NamedTuple):
    """The content of a segment: n items, and the number of damaged records (wrong checksum), which were skipped."""

    header: SegmentHeader
    digests: Digests
    sizes: npt.NDArray[np.uint32]
    damaged: int


@dataclass(frozen=True)
class SealedSegment:
    """A complete segment. No more items are appended to it."""

    path: Path
    items: int

    @property
    def bytes(self) -> int:
        return HEADER_BYTES + RECORD_BYTES * self.items


class SegmentWriter:
    """A segment that is open for appending."""

    def __init__(self, path: Path, header: SegmentHeader) -> None:
        self.path, self.header, self.items = path, header, 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            text = header.model_dump_json().encode().ljust(HEADER_BYTES - len(MAGIC) - 4)
            self._write(MAGIC + zlib.crc32(text).to_bytes(4, "little") + text, 0)
        except OSError:
            self.close()
            path.unlink()
            raise

    def append(self, digest: bytes, size: int) -> None:
        """Write one record with one system call. After this, the record is safe even if the process is killed.

        Raises OSError if the disk is full. The segment then stays unchanged.
        """
        payload = digest + size.to_bytes(4, "little")
        record = _LENGTH + zlib.crc32(payload).to_bytes(4, "little") + payload
        self._write(record, HEADER_BYTES + RECORD_BYTES * self.items)
        self.items += 1

    def _write(self, content: bytes, end: int) -> None:
        written = os.write(self._file, content)
        if written < len(content):  # the disk became full during the write
            os.ftruncate(self._file, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> Segment | None:
    """Return the content of a segment. Return None if its header is incomplete, so that it has no items.

    An incomplete record at the end is ignored. Raises ContentError if the file is not a segment, and OSError if it
    cannot be opened.
    """
    content = _read_regular(path)
    header = _header(path, content)
    if header is None:
        return None
    records = np.frombuffer(content, _RECORD, offset=HEADER_BYTES, count=items_in(len(content)))
    raw = records.tobytes()
    sums = [zlib.crc32(raw[start + 8 : start + RECORD_BYTES]) for start in range(0, len(raw), RECORD_BYTES)]
    good = (records["length"] == _PAYLOAD) & (records["crc"] == np.array(sums, dtype=np.uint32))
    return Segment(header, records["digest"][good], records["size"][good], int((~good).sum()))


def read_header(path: Path) -> SegmentHeader | None:
    """Return the header of a segment. Return None if it is incomplete.

    Raises ContentError if the file is not a segment, and OSError if it cannot be opened.
    """
    return _header(path, _read_regular(path, HEADER_BYTES))


def _read_regular(path: Path, size: int = -1) -> bytes:
    """Return the first `size` bytes of a file, or all bytes if `size` is -1.

    Raises ContentError if the path is a pipe, a link or a folder.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ContentError(f"{path} is not a file, so it is not a segment of the spool; move it to another folder")
    with path.open("rb") as file:
        return file.read(size)


def _header(path: Path, content: bytes) -> SegmentHeader | None:
    if len(content) < HEADER_BYTES and MAGIC.startswith(content[: len(MAGIC)]):
        return None  # the process was killed before it had written the header
    checksum, text = content[len(MAGIC) : len(MAGIC) + 4], content[len(MAGIC) + 4 : HEADER_BYTES]
    try:
        header = SegmentHeader.model_validate_json(text)
    except ValidationError:
        header = None
    if header is None or not content.startswith(MAGIC) or zlib.crc32(text).to_bytes(4, "little") != checksum:
        raise ContentError(
            f"{path} is not a segment of the spool, or is damaged, or was written by another version; move it to"
            " another folder"
        )
    return header


def items_in(size: int) -> int:
    """Return the number of complete records in a segment of `size` bytes."""
    return max(0, size - HEADER_BYTES) // RECORD_BYTES


class SpoolFolder:
    """The folders of a spool that this process has locked: its own folder, and the folders of ended processes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._locks: dict[Path, int] = {}
        #: The files and folders in the spool that are not segments, locks or refusals. They are ignored.
        self.passed_over: list[Path] = []
        with locked(folder):
            self._own = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=folder))
            for path in recorder_folders(folder, self.passed_over):
                try:
                    lock = try_lock(path)
                except OSError:
                    self.passed_over.append(path)
                    continue
                if lock is not None:
                    self._locks[path] = lock

    def left_over(self) -> list[SealedSegment]:
        """Return the segments of processes that have ended, the oldest first.

        Files that are not segments are added to `passed_over`.
        """
        segments = []
        for folder in self._locks:
            for path in segment_files(folder, self.passed_over) if folder != self._own else ():
                try:
                    read_header(path)
                    segments.append(SealedSegment(path, items_in(path.stat().st_size)))
                except (ContentError, OSError):
                    self.passed_over.append(path)
        return sorted(segments, key=lambda segment: segment.path.name)

    def new_segment(self, header: SegmentHeader) -> SegmentWriter:
        """Create an empty segment with this header in the folder of this process.

        Raises OSError if the disk is full.
        """
        # The nanoseconds sort the names by age; the name of the folder makes them unique.
        return SegmentWriter(self._own / f"{time.time_ns():020d}-{self._own.name}{SEGMENT_SUFFIX}", header)

    def release(self) -> None:
        """Release the locks of all folders, so that other processes can use the folders. Remove empty folders."""
        with locked(self._folder):
            for path, lock in self._locks.items():
                remove_if_empty(path)
                os.close(lock)
            self._locks = {}

    def abandon(self) -> None:
        """In a forked child, close the inherited files of the locks. The parent process still holds the locks."""
        for lock in self._locks.values():
            with suppress(OSError):
                os.close(lock)
        self._locks = {}


class SpoolWriter:
    """The spool of one process. It appends items to an open segment, and lists the sealed segments, which can be sent.

    Threads can use it at the same time. `changed` is the lock of its state, and is notified when a full segment is
    sealed.
    """

    def __init__(self, folder: Path, header: SegmentHeader, *, batch: int, max_bytes: int) -> None:
        """Open the spool, and take over the segments of processes that have ended.

        `header` is the header of all segments, except for the day. A segment is full after `batch` items. If the spool
        has `max_bytes` bytes, no more items are appended.
        """
        self.changed = threading.Condition()
        self._folder = SpoolFolder(folder)
        self._header, self._batch, self._max_bytes = header, batch, max_bytes
        self._sealed = self._folder.left_over()
        self._bytes = sum(segment.bytes for segment in self._sealed)
        self._refused: list[SealedSegment] = []
        self._open: SegmentWriter | None = None
        self._day = 0
        self._synced: set[Path] = set()
        _WRITERS.add(self)

    @property
    def passed_over(self) -> list[Path]:
        """The files and folders in the spool that are not segments, locks or refusals. They are ignored."""
        with self.changed:
            return list(self._folder.passed_over)

    @property
    def refused(self) -> int:
        """The number of items in segments that the registry refused permanently.

        These segments count for `max_bytes`.
        """
        with self.changed:
            self._forget_dropped()
            return sum(segment.items for segment in self._refused)

    @property
    def waiting(self) -> int:
        """The number of items in the spool that are not sent yet. Items in refused segments do not count."""
        with self.changed:
            return sum(segment.items for segment in self._sealed) + (self._open.items if self._open else 0)

    @property
    def is_empty(self) -> bool:
        with self.changed:
            return not self._sealed and self._open is None

    @property
    def sealed(self) -> list[SealedSegment]:
        """The segments that can be sent, the oldest first."""
        with self.changed:
            return list(self._sealed)

    def append(self, digest: bytes, size: int, day: int) -> None:
        """Append an item that was made on `day` (days since 1970).

        Raises OSError if the spool has reached `max_bytes`, or if the disk is full.
        """
        with self.changed:
            if self._bytes + RECORD_BYTES > self._max_bytes:
                self._forget_dropped()
            if self._bytes + RECORD_BYTES > self._max_bytes:
                raise OSError(f"the spool has {self._bytes:,} bytes, and its limit is {self._max_bytes:,}")
            if self._open is None or day != self._day:
                self.seal()
                date_of_day = datetime.fromtimestamp(day * DAY_SECONDS, UTC).date()
                self._open = self._folder.new_segment(self._header.model_copy(update={"day": date_of_day}))
                self._day = day
                self._bytes += HEADER_BYTES
            self._open.append(digest, size)
            self._bytes += RECORD_BYTES
            if self._open.items >= self._batch:
                self.seal()
                self.changed.notify_all()

    def seal(self) -> None:
        """Close the open segment, if there is one, and add it to the sealed segments."""
        with self.changed:
            if self._open is not None:
                self._open.close()
                self._sealed.append(SealedSegment(self._open.path, self._open.items))
                self._open = None

    def forget(self, segment: SealedSegment) -> None:
        """Remove a segment from the list of sealed segments, after it was sent. The sender has removed its file."""
        with self.changed:
            self._sealed.remove(segment)
            self._bytes -= segment.bytes

    def refuse(self, segment: SealedSegment, reason: str) -> bool:
        """Move a segment from the sealed to the refused segments, after the registry refused it permanently.

        Return True if this is the first refusal of the segment, and False if an earlier recorder got one too. The
        segment stays on the disk. The reason is written to a file next to it. The next recorder sends the segment
        again.
        """
        refusal = segment.path.with_suffix(REFUSAL_SUFFIX)
        before = refusal.exists()
        with suppress(OSError):  # without this file, the next recorder does not know of the refusal
            refusal.write_text(reason, encoding="utf-8", errors="backslashreplace")
        with self.changed:
            self._sealed.remove(segment)
            self._refused.append(segment)
        return not before

    def _forget_dropped(self) -> None:
        """Remove those segments from the list of refused segments that `firsthand spool drop` has deleted."""
        for segment in [segment for segment in self._refused if not segment.path.exists()]:
            self._refused.remove(segment)
            self._bytes -= segment.bytes

    def pass_over(self, segment: SealedSegment) -> None:
        """Move a file that is not a segment from the sealed segments to `passed_over`."""
        with self.changed:
            self._sealed.remove(segment)
            self._bytes -= segment.bytes
            self._folder.passed_over.append(segment.path)

    def abandon(self) -> None:
        """In a forked child, close the inherited files. Nothing changes in the folder, which belongs to the parent.

        This does not wait for the lock `changed`, because another thread of the parent may have held it during the
        fork.
        """
        if self._open is not None:
            with suppress(OSError):
                self._open.close()
        self._open, self._sealed = None, []
        self._folder.abandon()

    def sync(self) -> None:
        """Write all segments to the disk (fsync), so that a power failure cannot lose them. Raises OSError."""
        with self.changed:
            paths = [segment.path for segment in self._sealed] + ([self._open.path] if self._open else [])
        sync_files([path for path in paths if path not in self._synced])
        self._synced = set(paths[:-1])  # more items can be appended to the last segment

    def release(self) -> None:
        """Release the folders, so that the next recorder can take them over."""
        self._folder.release()


def sync_files(paths: list[Path]) -> None:
    """Write these files and their folders to the disk (fsync). Files that no longer exist are skipped."""
    for path in {*paths, *(path.parent for path in paths)}:
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(file)
        finally:
            os.close(file)


def recorder_folders(folder: Path, passed_over: list[Path]) -> list[Path]:
    """Return the folders of recorders in a spool, sorted. Other files and folders are added to `passed_over`."""
    folders = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_FOLDER_PREFIX) and path.is_dir() and not path.is_symlink():
            folders.append(path)
        elif path.name != LOCK:
            passed_over.append(path)
    return folders


def segment_files(folder: Path, passed_over: list[Path]) -> list[Path]:
    """Return the files in a recorder's folder that have the name of a segment, sorted.

    Other files are added to `passed_over`, except the lock and the reasons of refusals.
    """
    paths = []
    for path in sorted(folder.iterdir()):
        if path.suffix == SEGMENT_SUFFIX:
            paths.append(path)
        elif path.name != LOCK and path.suffix != REFUSAL_SUFFIX:
            passed_over.append(path)
    return paths


def remove_if_empty(folder: Path) -> None:
    """Remove a recorder's folder if it contains only its lock. The caller must hold this lock."""
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink()
            folder.rmdir()


def remove(path: Path) -> None:
    """Remove the file of a segment, and the reason of its refusal if there is one."""
    path.unlink(missing_ok=True)
    path.with_suffix(REFUSAL_SUFFIX).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a whole spool during the `with` block. Wait until no other process holds it."""
    file = _open_lock(folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def try_lock(folder: Path) -> int | None:
    """Lock a recorder's folder without waiting. Return the open file of the lock.

    Return None if a running recorder holds the lock. Raises OSError if the file of the lock cannot be opened.
    """
    file = _open_lock(folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _open_lock(folder: Path) -> int:
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


#: The spools of this process. After a fork, the child closes their files.
_WRITERS: "weakref.WeakSet[SpoolWriter]" = weakref.WeakSet()


def _abandon_all() -> None:
    for writer in list(_WRITERS):
        writer.abandon()


os.register_at_fork(after_in_child=_abandon_all)
