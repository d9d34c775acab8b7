"""Look up every item of the user's files, in one or more processes: the work of `firsthand check`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from firsthand.checking import process_pool, read_errors
from firsthand.checking.annotate import look_up
from firsthand.checking.lookup_source import LookupSource, OpenSource, SnapshotConfidence
from firsthand.checking.process_pool import Work
from firsthand.checking.read_errors import OnError, ReadError
from firsthand.errors import ContentError
from firsthand.files import discover
from firsthand.files.discover import InputFile
from firsthand.files.locations import ReadMeter
from firsthand.http import lookup_result
from firsthand.http.lookup_result import Lookup

#: The number of tasks per process. With several small tasks, all processes end at about the same time.
_TASKS = 4


@dataclass(frozen=True)
class CheckedItems:
    """Consecutive items of the user's files, with their verdicts."""

    #: The file of the items. None if each item is a file.
    file: str | None
    #: The name of each item. None for rows, if their names were not requested.
    names: Sequence[str] | None
    answer: Lookup
    confidence: SnapshotConfidence
    #: The rows and files that could not be read. Each of them is one of the items, with the verdict unknown.
    errors: Sequence[ReadError] = ()
    #: The number of bytes that were read from the files for these items. Over all items, the sum is the size of the
    #: files.
    read_bytes: int = 0


def check(
    files: Sequence[InputFile],
    field: str,
    source: LookupSource,
    *,
    names: bool = True,
    processes: int = 1,
    on_error: OnError = "stop",
) -> Iterator[CheckedItems]:
    """Yield the verdicts on all items of the files, in order.

    With `names`, each result has the names of its items. With `on_error="stop"`, a row or a file that cannot be read
    raises ContentError (in a worker process: FirsthandError). With `on_error="skip"`, it counts as one item with the
    verdict unknown, and its error is in `CheckedItems.errors`.
    """
    setup = partial(_opened, source, field, names, on_error)
    if processes > 1 and not names:  # in a span, the numbers of rows are not those of the file
        files = discover.divided(files, _TASKS * processes)
    return process_pool.run(setup, tasks(files, processes), processes, task_name)


def tasks(files: Sequence[InputFile], processes: int) -> list[list[InputFile]]:
    """Divide the files, in order, into tasks for `processes` processes.

    For several processes, each process gets at least `_TASKS` tasks if there are enough files.
    """
    most = discover.BATCH if processes == 1 else max(1, min(discover.BATCH, len(files) // (_TASKS * processes)))
    return list(discover.groups(files, most))


def task_name(files: Sequence[InputFile]) -> str:
    """Return the name of a task for error messages: its first file, and the number of files after it."""
    more = f" and {len(files) - 1} files after it" if len(files) > 1 else ""
    return f"{files[0].path}{more}"


@contextmanager
def _opened(
    source: LookupSource, field: str, names: bool, on_error: OnError
) -> Iterator[Work[list[InputFile], CheckedItems]]:
    with source.open() as opened:
        yield partial(_check, opened, field, names, on_error)


def _check(
    source: OpenSource, field: str, names: bool, on_error: OnError, files: list[InputFile]
) -> Iterator[CheckedItems]:
    if files[0].row_format is not None:
        yield from _check_rows(source, field, names, on_error, files[0])
        return
    hashed = read_errors.hash_files(files, on_error)
    answer = source.lookup_joined(hashed.profiles)
    if hashed.errors:
        answer = lookup_result.spread(answer, hashed.rows, len(files))
    yield CheckedItems(
        None,
        [str(file.path) for file in files],
        answer,
        source.take_confidence(),
        hashed.errors,
        discover.total_size(files) or 0,
    )


def _check_rows(
    source: OpenSource, field: str, names: bool, on_error: OnError, file: InputFile
) -> Iterator[CheckedItems]:
    path, meter = str(file.path), FileMeter(file)
    errors: Sequence[ReadError]
    try:
        for rows in file.read_rows(field, on_error == "skip", meter.meter):
            answer = look_up(rows.items, source)
            row_names = [discover.row_name(file, number) for number in rows.numbers] if names else None
            errors = read_errors.of_rows(rows.errors)
            yield CheckedItems(path, row_names, answer, source.take_confidence(), errors, meter.take())
        answer, row_names, errors = look_up(pa.nulls(0), source), [] if names else None, ()
    except ContentError as error:
        if on_error == "stop":
            raise
        answer, row_names = look_up(pa.nulls(1), source), [path] if names else None
        errors = (read_errors.of_file(file, error),)
    yield CheckedItems(path, row_names, answer, source.take_confidence(), errors, meter.rest())


class FileMeter:
    """Counts the bytes that were read from one file, up to its size.

    The limit is necessary because some formats read parts of a file twice, and others skip parts.
    """

    def __init__(self, file: InputFile) -> None:
        self.meter = ReadMeter()
        self._size, self._taken = file.size(), 0

    def take(self) -> int:
        """Return the number of bytes that were read since the last call of `take`."""
        read = self.meter.bytes if self._size is None else min(self.meter.bytes, self._size)
        taken, self._taken = read - self._taken, read
        return taken

    def rest(self) -> int:
        """Return the number of bytes since the last call of `take`, up to the end of the file."""
        return self.take() if self._size is None else self._size - self._taken
