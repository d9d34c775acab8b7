"""What a Recorder has taken and not yet told: digests on disk, in a folder that several processes may share.

    FOLDER/lock              held for a moment, by who makes a folder of its own or takes over another's
    FOLDER/recorder-*/lock   held by its process as long as that lives; the system lets go of it, also on SIGKILL
    FOLDER/recorder-*/*.spool   segments: appended to, then sealed, then sent, then removed

A segment is a header of 1,024 bytes (the magic line, a CRC-32, JSON filled up with spaces) and records of 44 bytes, all
numbers little-endian: the length of what follows the checksum (uint32, 36), its CRC-32 (uint32), the digest (32 bytes),
the size of the content in bytes (uint32). All items of a segment are of one statement, which its header says, and the
segment's name makes it one occasion: sent twice, it is registered once.
"""

import errno
import fcntl
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
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


_OURS = "recorder-"


class Header(Request):
    """What a segment says of all its items."""

    dataset: DatasetName
    model: ModelName
    evidence: Evidence
    #: The digest profile under which they were hashed.
    profile: Profile
    #: When they were made, UTC; no more exact than that.
    day: date


class Segment(NamedTuple):
    """A segment as it was read: n items, and how many records had to be left out because their checksum is wrong."""

    header: Header
    digests: Digests
    sizes: npt.NDArray[np.uint32]
    damaged: int


class Writer:
    """A segment that grows. Raises OSError where there is no room; the segment is then what it was before."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self.header, self.items = path, header, 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._write(_encoded(header), 0)
        except OSError:
            self.close()
            path.unlink()
            raise

    def append(self, digest: bytes, size: int) -> None:
        """Write one record with one system call: when this returns, SIGKILL cannot take it back."""
        payload = digest + size.to_bytes(4, "little")
        record = _LENGTH + zlib.crc32(payload).to_bytes(4, "little") + payload
        self._write(record, HEADER_BYTES + RECORD_BYTES * self.items)
        self.items += 1

    def _write(self, content: bytes, end: int) -> None:
        written = os.write(self._file, content)
        if written < len(content):  # the disk is full in the middle of it
            os.ftruncate(self._file, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def close(self) -> None:
        os.close(self._file)


def _encoded(header: Header) -> bytes:
    text = header.model_dump_json().encode().ljust(HEADER_BYTES - len(MAGIC) - 4)
    return MAGIC + zlib.crc32(text).to_bytes(4, "little") + text


def read(path: Path) -> Segment | None:
    """A segment whole, without what was cut off at its end; None where not even its header had been written.

    Raises ContentError for a file that is no segment.
    """
    content = path.read_bytes()
    if len(content) < HEADER_BYTES:
        return None
    checksum, text = content[len(MAGIC) : len(MAGIC) + 4], content[len(MAGIC) + 4 : HEADER_BYTES]
    try:
        header = Header.model_validate_json(text)
    except ValidationError:
        header = None
    if header is None or not content.startswith(MAGIC) or zlib.crc32(text).to_bytes(4, "little") != checksum:
        raise ContentError(f"{path} is damaged, or no spool of this version; move it away to go on without it")
    records = np.frombuffer(content, _RECORD, offset=HEADER_BYTES, count=items_in(len(content)))
    raw = records.tobytes()
    sums = [zlib.crc32(raw[at + 8 : at + RECORD_BYTES]) for at in range(0, len(raw), RECORD_BYTES)]
    good = (records["length"] == _PAYLOAD) & (records["crc"] == np.array(sums, dtype=np.uint32))
    return Segment(header, records["digest"][good], records["size"][good], int((~good).sum()))


def items_in(size: int) -> int:
    """The whole records in a segment of `size` bytes."""
    return max(0, size - HEADER_BYTES) // RECORD_BYTES


@dataclass(frozen=True)
class Sealed:
    """A segment that nobody appends to any more."""

    path: Path
    items: int


class Spool:
    """The part of a spool folder that is this process's: a folder of its own, and those whose process is gone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._locks: dict[Path, int] = {}
        with _held(folder / "lock"):
            self._own = Path(tempfile.mkdtemp(prefix=_OURS, dir=folder))
            for each in sorted(folder.glob(_OURS + "*")):
                if (lock := _try_lock(each / "lock")) is not None:
                    self._locks[each] = lock

    def left_over(self) -> list[Sealed]:
        """What processes that are gone have left, oldest first."""
        paths = [path for each in self._locks if each != self._own for path in each.glob("*.spool")]
        return [Sealed(path, items_in(path.stat().st_size)) for path in sorted(paths, key=lambda path: path.name)]

    def open(self, header: Header) -> Writer:
        """A new segment. Raises OSError."""
        # nanoseconds first, so that names sort by age; the folder's own name makes them one of a kind
        return Writer(self._own / f"{time.time_ns():020d}-{self._own.name}.spool", header)

    def release(self) -> None:
        """Let go of all folders, for the next process to go on with; those that are empty are removed."""
        with _held(self._folder / "lock"):
            for each, lock in self._locks.items():
                if not any(each.glob("*.spool")):
                    (each / "lock").unlink()
                    each.rmdir()
                os.close(lock)
            self._locks = {}


def sync(paths: list[Path]) -> None:
    """Have the disk itself keep these files, as far as they are there still."""
    for path in {*paths, *(path.parent for path in paths)}:
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(file)
        finally:
            os.close(file)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _try_lock(path: Path) -> int | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
