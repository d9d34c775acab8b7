"""Writing the part of the user's own files that a mix or a verdict admits."""

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand import sources
from firsthand.client import Client
from firsthand.digests import Digests, as_strings, sort_unique, stack
from firsthand.errors import ContentError
from firsthand.items import Item, both_profiles
from firsthand.rows import Table
from firsthand.sources import Source
from firsthand.verdicts import VERDICTS, PolicyName, Verdict

Keep: TypeAlias = npt.NDArray[np.bool_]

#: Which of n items are written, `[n]`. It may remember what it has admitted.
Admission: TypeAlias = Callable[[Sequence[Item]], Keep]


@dataclass
class ByVerdict:
    """Admits every item with one of these verdicts, all asked at one position."""

    client: Client
    verdicts: Collection[Verdict]
    policy: PolicyName = "strict"
    #: Where all is asked; the head of the log at the first question where it is None.
    as_of: int | None = None

    def __call__(self, items: Sequence[Item]) -> Keep:
        answer = self.client.check(items, self.policy, self.as_of)
        self.as_of = answer.position
        return np.isin(answer.verdict, [VERDICTS.index(verdict) for verdict in self.verdicts])


class ByMix:
    """Admits each item of a mix once, wherever among the files it is met first."""

    def __init__(self, digests: Digests) -> None:
        once, _ = sort_unique(digests)
        self._wanted = as_strings(once)
        self._left = np.ones(len(once), dtype=np.bool_)

    @property
    def missing(self) -> int:
        """Items of the mix that were not met."""
        return int(self._left.sum())

    def __call__(self, items: Sequence[Item]) -> Keep:
        hashed = [both_profiles(item) for item in items]
        return self._take(stack([exact for exact, _ in hashed])) | self._take(stack([text for _, text in hashed]))

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


def write(found: Sequence[Source], field: str, out: Path, admits: Admission) -> Iterator[Written]:
    """Write what is admitted under `out`, each file at its relative place, and tell of each step.

    A file appears under its name only when it is whole. Raises ContentError before anything is written where two
    inputs would be written to one place, or an output over an input.
    """
    _check_places(found, out)
    for files in sources.groups(found):
        if files[0].table is None:
            yield _copy(files, out, admits)
        else:
            yield _write_rows(files[0], files[0].table, field, out / files[0].relative, admits)


def _check_places(found: Sequence[Source], out: Path) -> None:
    inputs = {source.path.resolve() for source in found}
    places: set[Path] = set()
    for source in found:
        place = (out / source.relative).resolve()
        if place in inputs:
            raise ContentError(f"{place} is one of the files that are read; choose another folder for --out")
        if place in places:
            raise ContentError(f"two of the files would be written to {place}; filter them one by one")
        places.add(place)


def _copy(files: Sequence[Source], out: Path, admits: Admission) -> Written:
    keep = admits(sources.of_files(files).items)
    for source in compress(files, keep):
        with _appearing(out / source.relative) as temporary:
            shutil.copy2(source.path, temporary)
    return Written(len(files), len(files), int(keep.sum()))


def _write_rows(source: Source, table: Table, field: str, target: Path, admits: Admission) -> Written:
    items = kept = 0
    with _appearing(target) as temporary, table.writing(temporary, like=source.path) as writer:
        for rows in table.read(source.path, field):
            keep = admits(rows.items)
            writer.write(rows, keep)
            items, kept = items + len(keep), kept + int(keep.sum())
    return Written(1, items, kept)


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A temporary name beside the target; renamed to it when all went well, removed when not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
