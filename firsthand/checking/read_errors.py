"""Rows and files that cannot be read: `on_error="stop"` raises the first error, `on_error="skip"` collects all errors.

A row that cannot be read counts as one unknown item. A file that cannot be read to its end also counts as one.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, stack
from firsthand.errors import ContentError, RowError
from firsthand.files import atomic
from firsthand.files.discover import FileItems, InputFile
from firsthand.files.inputs import both_profiles, hash_both
from firsthand.files.locations import printable

#: The numbers of errors that are kept in memory: per file, and in total. The limit per file leaves space for the errors
#: of other files.
_MOST_OF_FILE, _MOST_KEPT = 3, 100

OnError: TypeAlias = Literal["stop", "skip"]


@dataclass(frozen=True)
class ReadError:
    """A row or a file that cannot be read.

    It is not an exception, because worker processes send it in their results.
    """

    #: The path or URL of the file, as `firsthand check` prints it.
    file: str
    #: The number in the name of the row, `FILE:NUMBER`. None if the whole file cannot be read.
    row: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file}{'' if self.row is None else f':{self.row}'}: {self.reason}"


def of_rows(errors: Iterable[RowError]) -> tuple[ReadError, ...]:
    """Convert the errors of rows that a reader skipped."""
    return tuple(ReadError(printable(error.file), error.number, error.reason) for error in errors)


def of_file(file: InputFile, error: Exception) -> ReadError:
    """Return the error for a file that cannot be read to its end."""
    reason = str(error).removeprefix(str(file.path)).lstrip(" ,:")
    return ReadError(printable(str(file.path)), None, reason)


@dataclass(frozen=True)
class HashedFiles:
    """The digests of files that are one item each, under `bytes-1` and `text-1`: `uint8[m, 32]` each.

    m is the number of files that can be read. `rows` has the indices of these files, `intp[m]`. `errors` has the errors
    of the others.
    """

    profiles: tuple[Digests, Digests]
    rows: npt.NDArray[np.intp]
    errors: Sequence[ReadError] = ()


def hash_files(files: Sequence[InputFile], on_error: OnError) -> HashedFiles:
    """Hash files that are one item each.

    With `on_error="stop"`, raises ContentError for the first file that cannot be read. With "skip", its error is
    returned.
    """
    if on_error == "stop":
        return HashedFiles(hash_both(FileItems(files)), np.arange(len(files)))
    exact: list[bytes] = []
    text: list[bytes] = []
    rows: list[int] = []
    errors: list[ReadError] = []
    for row, file in enumerate(files):
        try:
            digests = both_profiles(file.item())
        except (ContentError, OSError) as error:
            errors.append(of_file(file, error))
            continue
        exact.append(digests[0])
        text.append(digests[1])
        rows.append(row)
    return HashedFiles((stack(exact), stack(text)), np.array(rows, dtype=np.intp), errors)


class ErrorLog:
    """Counts errors, keeps the first errors of each file in memory, and writes all errors to a file if one is given.

    The file has the format JSON Lines. Each line is an object with `file`, `row` (null for a whole file) and `reason`.
    """

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self.rows = self.files = 0
        self.first: list[ReadError] = []
        self._file, self._last_file, self._of_last_file = file, "", 0

    def add(self, errors: Sequence[ReadError]) -> None:
        """Add errors, in the order of the files."""
        for error in errors:
            self.rows += error.row is not None
            self.files += error.row is None
            if error.file != self._last_file:
                self._last_file, self._of_last_file = error.file, 0
            self._of_last_file += 1
            if self._of_last_file <= _MOST_OF_FILE and len(self.first) < _MOST_KEPT:
                self.first.append(error)
            if self._file is not None:
                self._file.write(json.dumps(asdict(error)).encode() + b"\n")


@contextmanager
def logging(path: Path | None) -> Iterator[ErrorLog]:
    """Yield a log of errors. If `path` is given, all errors are written to this file.

    The file gets its name when the block ends without an error.
    """
    if path is None:
        yield ErrorLog()
        return
    with atomic.writing(path) as file:
        yield ErrorLog(file)
