"""Write the items of the user's files that belong to a mix or have a verdict: the work of `firsthand filter`."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.checking import check, process_pool, read_errors
from firsthand.checking.lookup_source import LookupSource, OpenSource, SnapshotConfidence
from firsthand.checking.process_pool import Work
from firsthand.checking.read_errors import OnError, ReadError
from firsthand.core.digests import Digests, as_strings, sort_unique
from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.errors import ContentError
from firsthand.files import discover, locations
from firsthand.files.arrow_digests import hash_column
from firsthand.files.discover import InputFile
from firsthand.files.formats import RowFormat
from firsthand.files.locations import Location

Keep: TypeAlias = npt.NDArray[np.bool_]
#: The digests of n items under `bytes-1` and `text-1`, `uint8[n, 32]` each.
Profiles: TypeAlias = tuple[Digests, Digests]


class ItemSelector(Protocol):
    """A rule that decides which items are written. The decision can depend on the items that were selected before."""

    #: The counts of all look-ups until now (see `SnapshotConfidence`).
    confidence: SnapshotConfidence
    #: Whether the rule also writes the rows without an item (null).
    keeps_empty_rows: bool

    def __call__(self, items: Profiles) -> Keep:
        """Select from n items. Return which of them must be written: `bool[n]`."""

    def undo(self) -> None:
        """Cancel the selections since the last `commit`, because these items were not written."""

    def commit(self) -> None:
        """Confirm the selections until now, because these items are written. They cannot be cancelled any more."""


class SelectByVerdict:
    """A rule that selects every item with one of the given verdicts. A row without an item has the verdict unknown."""

    def __init__(self, source: OpenSource, verdicts: Collection[Verdict]) -> None:
        self._source, self._codes = source, [VERDICTS.index(verdict) for verdict in verdicts]
        self.keeps_empty_rows, self.confidence = "unknown" in verdicts, SnapshotConfidence()

    def __call__(self, items: Profiles) -> Keep:
        answer = self._source.lookup_joined(items)
        self.confidence += self._source.take_confidence()
        return np.isin(answer.verdict, self._codes)

    def undo(self) -> None:
        """Do nothing, because this rule does not depend on earlier items."""

    def commit(self) -> None:
        """Do nothing, because this rule does not depend on earlier items."""


class SelectByMix:
    """A rule that selects each item of a mix once: where it first occurs in the files."""

    keeps_empty_rows, confidence = False, SnapshotConfidence()

    def __init__(self, digests: Digests) -> None:
        unique, _ = sort_unique(digests)
        self._wanted = as_strings(unique)
        self._not_written = np.ones(len(unique), dtype=np.bool_)
        self._since_commit: list[npt.NDArray[np.intp]] = []

    @property
    def missing(self) -> int:
        """The number of items of the mix that have not occurred in the files."""
        return int(self._not_written.sum())

    def __call__(self, items: Profiles) -> Keep:
        exact, text = items
        return self._take(exact) | self._take(text)

    def undo(self) -> None:
        for selected in self._since_commit:
            self._not_written[selected] = True
        self._since_commit.clear()

    def commit(self) -> None:
        self._since_commit.clear()

    def _take(self, digests: Digests) -> Keep:
        """Return which digests are in the mix and not selected yet: `bool[n]`. Mark them as selected."""
        sought, keep = as_strings(digests), np.zeros(len(digests), dtype=np.bool_)
        if not len(self._wanted):
            return keep
        nearest = np.minimum(np.searchsorted(self._wanted, sought), len(self._wanted) - 1)
        rows = np.flatnonzero((self._wanted[nearest] == sought) & self._not_written[nearest])
        selected, first = np.unique(nearest[rows], return_index=True)
        keep[rows[first]] = True
        self._not_written[selected] = False
        self._since_commit.append(selected)
        return keep


@dataclass(frozen=True)
class FilteredPart:
    """The counts of one task. A task has one file with rows, or a group of files that are one item each."""

    files: int
    items: int
    kept: int
    confidence: SnapshotConfidence
    #: The rows and files that could not be read. They count in `items`, but are not written.
    errors: Sequence[ReadError] = ()
    #: The size of the files, in bytes.
    read_bytes: int = 0


def by_verdict(
    files: Sequence[InputFile],
    field: str,
    out: Location,
    source: LookupSource,
    verdicts: Collection[Verdict],
    processes: int = 1,
    on_error: OnError = "stop",
) -> Iterator[FilteredPart]:
    """Write the items with these verdicts into the folder `out`. Yield the counts of each task, as `write` does.

    The work is done in `processes` processes. Each of them opens the source.
    """
    check_targets(files, out)
    setup = partial(_opened, source, verdicts, field, out, on_error)
    return process_pool.run(setup, check.tasks(files, processes), processes, check.task_name)


def write(
    files: Sequence[InputFile], field: str, out: Location, selector: ItemSelector, on_error: OnError = "stop"
) -> Iterator[FilteredPart]:
    """Write the selected items into the folder `out`. Yield the counts of each task.

    An output file has the relative path of its input file. It gets its final name when it is complete. Raises
    ContentError, before anything is written, if two inputs have the same output, or if an output is also an input.

    With `on_error="stop"`, a row or a file that cannot be read raises ContentError. With `on_error="skip"`, such a row
    is not written. If a file cannot be read to its end, none of its rows is written. The errors are in
    `FilteredPart.errors`.
    """
    check_targets(files, out)
    for task in check.tasks(files, 1):
        yield from _write(lambda: selector, field, out, on_error, task)


def check_targets(files: Sequence[InputFile], out: Location) -> None:
    """Raise ContentError if two input files have the same output path, or if an output path is also an input."""
    inputs = {locations.identity(file.path) for file in files}
    targets: set[str] = set()
    for file in files:
        target = locations.identity(out / file.relative)
        if target in inputs:
            raise ContentError(f"the output {target} is also an input; choose another folder for --out")
        if target in targets:
            raise ContentError(
                f"two input files have the same output {target}; filter them with two commands and two different"
                " folders --out"
            )
        targets.add(target)


@contextmanager
def _opened(
    source: LookupSource, verdicts: Collection[Verdict], field: str, out: Location, on_error: OnError
) -> Iterator[Work[list[InputFile], FilteredPart]]:
    with source.open() as opened:
        yield partial(_write, partial(SelectByVerdict, opened, verdicts), field, out, on_error)


def _write(
    make_selector: Callable[[], ItemSelector], field: str, out: Location, on_error: OnError, files: list[InputFile]
) -> Iterator[FilteredPart]:
    row_format, selector = files[0].row_format, make_selector()
    if row_format is None:
        part = _copy(files, out, selector, on_error)
    else:
        try:
            part = _write_rows(files[0], row_format, field, out / files[0].relative, selector, on_error)
        except _FileSkipped as skipped:
            part = FilteredPart(1, 1, 0, selector.confidence, (skipped.error,))
    yield replace(part, read_bytes=discover.total_size(files) or 0)


class _FileSkipped(Exception):
    """Raised for a file that cannot be read.

    It leaves the blocks that write the output, so that the output is removed.
    """

    def __init__(self, error: ReadError) -> None:
        self.error = error
        super().__init__(error)


def _copy(files: Sequence[InputFile], out: Location, selector: ItemSelector, on_error: OnError) -> FilteredPart:
    hashed = read_errors.hash_files(files, on_error)
    keep = np.zeros(len(files), dtype=np.bool_)
    keep[hashed.rows] = selector(hashed.profiles)
    selector.commit()
    for file in compress(files, keep):
        with locations.replacing(out / file.relative) as temporary:
            if file.content is not None:
                temporary.write_bytes(file.content)
            else:
                locations.copy(file.path, temporary)
    return FilteredPart(len(files), len(files), int(keep.sum()), selector.confidence, hashed.errors)


def _write_rows(
    file: InputFile, row_format: RowFormat, field: str, target: Location, selector: ItemSelector, on_error: OnError
) -> FilteredPart:
    items = kept = 0
    errors: list[ReadError] = []
    with locations.replacing(target) as temporary:
        try:
            with row_format.writing(temporary, like=file.path) as writer:
                for rows in row_format.read(file.path, field, whole=True, skip=on_error == "skip"):
                    hashed = hash_column(rows.items)
                    keep = np.full(len(rows.items), selector.keeps_empty_rows)
                    keep[hashed.rows] = selector((hashed.exact, hashed.text))
                    if rows.errors:
                        keep &= ~np.isin(np.asarray(rows.numbers), [error.number for error in rows.errors])
                        errors += read_errors.of_rows(rows.errors)
                    writer.write(rows, keep)
                    items, kept = items + len(keep), kept + int(keep.sum())
        except ContentError as error:
            if on_error == "stop":
                raise
            selector.undo()
            raise _FileSkipped(read_errors.of_file(file, error)) from None
    selector.commit()
    return FilteredPart(1, items, kept, selector.confidence, errors)
