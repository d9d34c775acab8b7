"""Write the items of the user's files that belong to a mix or have a verdict: the work of `firsthand filter`."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.checking import check, process_pool
from firsthand.checking.lookup_source import LookupSource, OpenSource, SnapshotConfidence
from firsthand.checking.process_pool import Work
from firsthand.core.digests import Digests, as_strings, sort_unique
from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.errors import ContentError
from firsthand.files import locations
from firsthand.files.arrow_digests import hash_column
from firsthand.files.discover import FileItems, InputFile
from firsthand.files.formats import RowFormat
from firsthand.files.inputs import hash_both
from firsthand.files.locations import Location

Keep: TypeAlias = npt.NDArray[np.bool_]
#: The digests of n items under `bytes-1` and `text-1`, `uint8[n, 32]` each.
Profiles: TypeAlias = tuple[Digests, Digests]


class ItemSelector(Protocol):
    """The rule that decides which items are written. It can depend on the items that it selected before."""

    #: The confidence of all look-ups until now.
    confidence: SnapshotConfidence
    #: Whether a row without an item (null) is written.
    keeps_empty_rows: bool

    def __call__(self, items: Profiles) -> Keep:
        """Return, for each of n items, whether it must be written: `bool[n]`."""


class SelectByVerdict:
    """A rule that selects every item with one of the given verdicts. A row without an item counts as unknown."""

    def __init__(self, source: OpenSource, verdicts: Collection[Verdict]) -> None:
        self._source, self._codes = source, [VERDICTS.index(verdict) for verdict in verdicts]
        self.keeps_empty_rows, self.confidence = "unknown" in verdicts, SnapshotConfidence()

    def __call__(self, items: Profiles) -> Keep:
        answer = self._source.lookup_joined(items)
        self.confidence += self._source.take_confidence()
        return np.isin(answer.verdict, self._codes)


class SelectByMix:
    """A rule that selects each item of a mix once: at its first occurrence in the files."""

    keeps_empty_rows, confidence = False, SnapshotConfidence()

    def __init__(self, digests: Digests) -> None:
        unique, _ = sort_unique(digests)
        self._wanted = as_strings(unique)
        self._not_written = np.ones(len(unique), dtype=np.bool_)

    @property
    def missing(self) -> int:
        """The number of items of the mix that have not occurred in the files."""
        return int(self._not_written.sum())

    def __call__(self, items: Profiles) -> Keep:
        exact, text = items
        return self._take(exact) | self._take(text)

    def _take(self, digests: Digests) -> Keep:
        """Return which digests are in the mix and were not selected before, `bool[n]`. Mark them as selected."""
        sought, keep = as_strings(digests), np.zeros(len(digests), dtype=np.bool_)
        if not len(self._wanted):
            return keep
        nearest = np.minimum(np.searchsorted(self._wanted, sought), len(self._wanted) - 1)
        rows = np.flatnonzero((self._wanted[nearest] == sought) & self._not_written[nearest])
        selected, first = np.unique(nearest[rows], return_index=True)
        keep[rows[first]] = True
        self._not_written[selected] = False
        return keep


@dataclass(frozen=True)
class FilteredPart:
    """The counts of one task. A task has one file with rows, or a group of files that are one item each."""

    files: int
    items: int
    kept: int
    confidence: SnapshotConfidence


def by_verdict(
    files: Sequence[InputFile],
    field: str,
    out: Location,
    source: LookupSource,
    verdicts: Collection[Verdict],
    processes: int = 1,
) -> Iterator[FilteredPart]:
    """Write the items with these verdicts, as `write` does, in `processes` processes. Each process opens the source."""
    check_targets(files, out)
    setup = partial(_opened, source, verdicts, field, out)
    return process_pool.run(setup, check.tasks(files, processes), processes, check.task_name)


def write(files: Sequence[InputFile], field: str, out: Location, selector: ItemSelector) -> Iterator[FilteredPart]:
    """Write the selected items into the folder `out`. Yield the counts of each task.

    An output file has the relative path of its input file. It gets its final name when it is complete. Raises
    ContentError, before anything is written, if two inputs have the same output, or if an output is also an input.
    """
    check_targets(files, out)
    for task in check.tasks(files, 1):
        yield from _write(lambda: selector, field, out, task)


def check_targets(files: Sequence[InputFile], out: Location) -> None:
    """Raise ContentError if two input files have the same output path, or if an output path is also an input."""
    inputs = {locations.identity(file.path) for file in files}
    targets: set[str] = set()
    for file in files:
        target = locations.identity(out / file.relative)
        if target in inputs:
            raise ContentError(f"the output {target} is an input too; choose another folder for --out")
        if target in targets:
            raise ContentError(
                f"two inputs have the same output {target}; filter them with two commands that have different --out"
            )
        targets.add(target)


@contextmanager
def _opened(
    source: LookupSource, verdicts: Collection[Verdict], field: str, out: Location
) -> Iterator[Work[list[InputFile], FilteredPart]]:
    with source.open() as opened:
        yield partial(_write, partial(SelectByVerdict, opened, verdicts), field, out)


def _write(
    make_selector: Callable[[], ItemSelector], field: str, out: Location, files: list[InputFile]
) -> Iterator[FilteredPart]:
    row_format, selector = files[0].row_format, make_selector()
    if row_format is None:
        yield _copy(files, out, selector)
    else:
        yield _write_rows(files[0], row_format, field, out / files[0].relative, selector)


def _copy(files: Sequence[InputFile], out: Location, selector: ItemSelector) -> FilteredPart:
    keep = selector(hash_both(FileItems(files)))
    for file in compress(files, keep):
        with locations.replacing(out / file.relative) as temporary:
            locations.copy(file.path, temporary)
    return FilteredPart(len(files), len(files), int(keep.sum()), selector.confidence)


def _write_rows(
    file: InputFile, row_format: RowFormat, field: str, target: Location, selector: ItemSelector
) -> FilteredPart:
    items = kept = 0
    with locations.replacing(target) as temporary, row_format.writing(temporary, like=file.path) as writer:
        for rows in row_format.read(file.path, field, whole=True):
            hashed = hash_column(rows.items)
            keep = np.full(len(rows.items), selector.keeps_empty_rows)
            keep[hashed.rows] = selector((hashed.exact, hashed.text))
            writer.write(rows, keep)
            items, kept = items + len(keep), kept + int(keep.sum())
    return FilteredPart(1, items, kept, selector.confidence)
