"""Look up every item of the user's files, in one or more processes: the work of `firsthand check`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from firsthand.checking import process_pool
from firsthand.checking.annotate import look_up
from firsthand.checking.lookup_source import LookupSource, OpenSource, SnapshotConfidence
from firsthand.checking.process_pool import Work
from firsthand.files import discover
from firsthand.files.discover import FileItems, InputFile
from firsthand.files.inputs import hash_both
from firsthand.http.lookup_result import Lookup


@dataclass(frozen=True)
class CheckedItems:
    """Consecutive items of the user's files, with their verdicts."""

    #: The name of each item; None if names were not requested.
    names: Sequence[str] | None
    answer: Lookup
    confidence: SnapshotConfidence


def check(
    files: Sequence[InputFile], field: str, source: LookupSource, *, names: bool = True, processes: int = 1
) -> Iterator[CheckedItems]:
    """Yield the verdicts on all items of the files, in order. Raises ContentError for an item that cannot be read."""
    setup = partial(_opened, source, field, names)
    return process_pool.run(setup, tasks(files, processes), processes, task_name)


def tasks(files: Sequence[InputFile], processes: int) -> list[list[InputFile]]:
    """Divide the files, in order, into tasks for `processes` processes.

    For several processes, there are at least four tasks per process, if there are enough files.
    """
    most = discover.BATCH if processes == 1 else max(1, min(discover.BATCH, len(files) // (4 * processes)))
    return list(discover.groups(files, most))


def task_name(files: Sequence[InputFile]) -> str:
    """Return the name of a task for error messages: its first file, and the number of files after it."""
    more = f" and {len(files) - 1} files after it" if len(files) > 1 else ""
    return f"{files[0].path}{more}"


@contextmanager
def _opened(source: LookupSource, field: str, names: bool) -> Iterator[Work[list[InputFile], CheckedItems]]:
    with source.open() as opened:
        yield partial(_check, opened, field, names)


def _check(source: OpenSource, field: str, names: bool, files: list[InputFile]) -> Iterator[CheckedItems]:
    row_format = files[0].row_format
    if row_format is None:
        answer = source.lookup_joined(hash_both(FileItems(files)))
        paths = [str(file.path) for file in files] if names else None
        yield CheckedItems(paths, answer, source.take_confidence())
        return
    for rows in row_format.read(files[0].path, field):
        answer = look_up(rows.items, source)
        row_names = [discover.row_name(files[0], number) for number in rows.numbers] if names else None
        yield CheckedItems(row_names, answer, source.take_confidence())
