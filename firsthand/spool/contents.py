"""List the segments in a spool, and remove some of them: the work of `firsthand spool`."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from firsthand.errors import ContentError
from firsthand.schemas.base import Response
from firsthand.spool.segment import (
    LOCK,
    REFUSAL_SUFFIX,
    items_in,
    locked,
    read_header,
    recorder_folders,
    remove,
    remove_if_empty,
    segment_files,
    try_lock,
)

SegmentState = Literal["waiting", "refused", "in use", "not a segment"]


class SpooledFile(Response):
    """A file in a spool. If it is not a segment, only its path and state are known."""

    #: The name of the segment. For a file that is not a segment, its path.
    segment: str
    #: `waiting`: the next recorder sends it. `in use`: a running recorder appends to it or sends it. `refused`: the
    #: registry refused it, and sending it again does not help until the cause is corrected.
    state: SegmentState
    items: int
    dataset: str | None
    model: str | None
    day: date | None
    #: Why the registry refused the segment. None in other states.
    reason: str | None


@dataclass(frozen=True)
class _Entry:
    path: Path
    file: SpooledFile


def list_files(folder: Path) -> list[SpooledFile]:
    """Return the files in a spool, the oldest segment first. Raises OSError if the folder cannot be read."""
    return [entry.file for entry in _entries(folder)]


def drop(folder: Path, chosen: Callable[[SpooledFile], bool]) -> list[SpooledFile]:
    """Remove the segments for which `chosen` is true, and return them. Their items are then never registered.

    Raises ContentError, before anything is removed, if a running recorder uses a chosen segment, or if a chosen file is
    not a segment.
    """
    entries = [entry for entry in _entries(folder) if chosen(entry.file)]
    for entry in entries:
        if entry.file.state == "in use":
            raise ContentError(
                f"a running recorder uses {entry.path}; stop the recorder, or wait until it has sent the segment"
            )
        if entry.file.state == "not a segment":
            raise ContentError(f"{entry.path} is not a segment of the spool; move or remove the file by hand")
    if not entries:
        return []
    with locked(folder):
        for entry in entries:
            remove(entry.path)
            lock = try_lock(entry.path.parent)
            if lock is not None:
                remove_if_empty(entry.path.parent)
                os.close(lock)
    return [entry.file for entry in entries]


def _entries(folder: Path) -> list[_Entry]:
    if not (folder / LOCK).exists():
        return []  # no recorder has ever used the folder
    with locked(folder):
        others: list[Path] = []
        entries = [entry for recorder in recorder_folders(folder, others) for entry in _segments(recorder, others)]
    entries.sort(key=lambda entry: entry.path.name)
    return entries + [_Entry(path, _not_a_segment(path)) for path in others]


def _segments(folder: Path, others: list[Path]) -> Iterator[_Entry]:
    in_use = _is_in_use(folder)
    for path in segment_files(folder, others):
        try:
            header, size = read_header(path), path.stat().st_size
        except (ContentError, OSError):
            others.append(path)
            continue
        refusal = path.with_suffix(REFUSAL_SUFFIX)
        reason = None
        with suppress(OSError):
            reason = refusal.read_text(encoding="utf-8", errors="replace")
        state: SegmentState = "refused" if reason is not None else "in use" if in_use else "waiting"
        yield _Entry(
            path,
            SpooledFile(
                segment=path.stem,
                state=state,
                items=items_in(size),
                dataset=header.dataset if header else None,
                model=header.model if header else None,
                day=header.day if header else None,
                reason=reason,
            ),
        )


def _not_a_segment(path: Path) -> SpooledFile:
    return SpooledFile(
        segment=str(path), state="not a segment", items=0, dataset=None, model=None, day=None, reason=None
    )


def _is_in_use(folder: Path) -> bool:
    """Return whether a running recorder holds the lock of this folder. The caller must hold the lock of the spool."""
    try:
        lock = try_lock(folder)
    except OSError:
        return False
    if lock is None:
        return True
    os.close(lock)
    return False
