"""Writing the part of the user's own files that a mix or a verdict admits."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.checking import check, process_pool
from firsthand.checking.lookup_source import Desk, Doubts, Question
from firsthand.checking.process_pool import Work
from firsthand.core.digests import Digests, as_strings, sort_unique
from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.errors import ContentError
from firsthand.files import locations
from firsthand.files.discover import Files, Source
from firsthand.files.inputs import hash_both
from firsthand.files.locations import Place

if TYPE_CHECKING:
    from firsthand.files.formats import Rows, Table

Keep: TypeAlias = npt.NDArray[np.bool_]
#: The digests of n items under `bytes-1` and `text-1`, `uint8[n, 32]` each.
Profiles: TypeAlias = tuple[Digests, Digests]


class Admission(Protocol):
    """Which items are written. It may remember what it has admitted."""

    doubts: Doubts
    #: Whether a row that holds no item is written.
    nothing: bool

    def __call__(self, items: Profiles) -> Keep:
        """Of n items, `[n]`."""


class ByVerdict:
    """Admits every item with one of these verdicts. A row that holds no item is unknown."""

    def __init__(self, desk: Desk, verdicts: Collection[Verdict]) -> None:
        self._desk, self._codes = desk, [VERDICTS.index(verdict) for verdict in verdicts]
        self.nothing, self.doubts = "unknown" in verdicts, Doubts()

    def __call__(self, items: Profiles) -> Keep:
        asking = self._desk.asking()
        answer = asking.lookup_joined(items)
        self.doubts += Doubts.of(asking)
        return np.isin(answer.verdict, self._codes)


class ByMix:
    """Admits each item of a mix once, wherever among the files it is met first."""

    nothing, doubts = False, Doubts()

    def __init__(self, digests: Digests) -> None:
        once, _ = sort_unique(digests)
        self._wanted = as_strings(once)
        self._left = np.ones(len(once), dtype=np.bool_)

    @property
    def missing(self) -> int:
        """Items of the mix that were not met."""
        return int(self._left.sum())

    def __call__(self, items: Profiles) -> Keep:
        exact, text = items
        return self._take(exact) | self._take(text)

    def _take(self, digests: Digests) -> Keep:
        """Which of these are in the mix and were not taken before; they are now."""
        sought, keep = as_strings(digests), np.zeros(len(digests), dtype=np.bool_)
        if not len(self._wanted):
            return keep
        place = np.minimum(np.searchsorted(self._wanted, sought), len(self._wanted) - 1)
        rows = np.flatnonzero((self._wanted[place] == sought) & self._left[place])
        places, first = np.unique(place[rows], return_index=True)
        keep[rows[first]] = True
        self._left[places] = False
        return keep


@dataclass(frozen=True)
class Written:
    """What was done with one table, or with some files that are items."""

    files: int
    items: int
    kept: int
    doubts: Doubts


def by_verdict(
    found: Sequence[Source],
    field: str,
    out: Place,
    question: Question,
    verdicts: Collection[Verdict],
    processes: int = 1,
) -> Iterator[Written]:
    """As `write`, in several processes, each of which asks the question."""
    check_places(found, out)
    setup = partial(_filtering, question, verdicts, field, out)
    return process_pool.run(setup, check.shared(found, processes), processes, check.name_of)


def write(found: Sequence[Source], field: str, out: Place, admits: Admission) -> Iterator[Written]:
    """Write what is admitted under `out`, each file at its relative place, and tell of each step.

    A file appears under its name only when it is whole. Raises ContentError before anything is written where two
    inputs would be written to one place, or an output over an input.
    """
    check_places(found, out)
    for files in check.shared(found, 1):
        yield from _write(lambda: admits, field, out, files)


def check_places(found: Sequence[Source], out: Place) -> None:
    """Raises ContentError where two inputs would be written to one place, or an output over an input."""
    inputs = {locations.identity(source.path) for source in found}
    taken: set[str] = set()
    for source in found:
        place = locations.identity(out / source.relative)
        if place in inputs:
            raise ContentError(f"{place} is one of the files that are read; choose another folder for --out")
        if place in taken:
            raise ContentError(f"two of the files would be written to {place}; filter them one by one")
        taken.add(place)


@contextmanager
def _filtering(
    question: Question, verdicts: Collection[Verdict], field: str, out: Place
) -> Iterator[Work[list[Source], Written]]:
    with question.opened() as desk:
        yield partial(_write, partial(ByVerdict, desk, verdicts), field, out)


def _write(admission: Callable[[], Admission], field: str, out: Place, files: list[Source]) -> Iterator[Written]:
    table, admits = files[0].table, admission()
    if table is None:
        yield _copy(files, out, admits)
    else:
        yield _write_rows(files[0], table, field, out / files[0].relative, admits)


def _copy(files: Sequence[Source], out: Place, admits: Admission) -> Written:
    keep = admits(hash_both(Files(files)))
    for source in compress(files, keep):
        with locations.appearing(out / source.relative) as temporary:
            locations.copy(source.path, temporary)
    return Written(len(files), len(files), int(keep.sum()), admits.doubts)


def _write_rows(source: Source, table: "Table", field: str, target: Place, admits: Admission) -> Written:
    items = kept = 0
    with locations.appearing(target) as temporary, table.writing(temporary, like=source.path) as writer:
        for rows in table.read(source.path, field, whole=True):
            keep = _admitted(rows, admits)
            writer.write(rows, keep)
            items, kept = items + len(keep), kept + int(keep.sum())
    return Written(1, items, kept, admits.doubts)


def _admitted(rows: "Rows", admits: Admission) -> Keep:
    from firsthand.files import arrow_digests  # pyarrow only for who has tables

    hashed = arrow_digests.hashed(rows.items)
    keep = np.full(len(rows.items), admits.nothing)
    keep[hashed.rows] = admits((hashed.exact, hashed.text))
    return keep
