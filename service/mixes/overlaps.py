"""The overlapping digests that a pool may hold: those of several claims, which all of these judge.

Most pools are larger than the registry's overlaps, and meet them by their first words, 8 bytes each in memory. A small
pool in a registry of many overlaps asks for those among its own items instead, so what others claim costs it nothing.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select

from firsthand.digests import Digests, as_strings, sort_unique, stack
from service import tables
from service.catalog import Flags
from service.database import Database, columns_by_digest

#: Overlapping digests that are judged together.
_PAGE = 20_000


class Overlaps(Protocol):
    """What a scan asks."""

    def among(self, digests: Digests) -> Flags:
        """Which of `digests`, `uint8[n, 32]` of the pool, overlap."""
        ...

    def pages(self) -> Iterator[Digests]:
        """All that the pool may hold, in their order, some thousands at a time; the database is not held meanwhile."""
        ...


class AllOverlaps:
    """Every overlap of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reads() as session:
            parts = [
                _words(stack(list(p))) for p in session.scalars(select(tables.overlaps.c.digest)).partitions(10**5)
            ]
        self._words = np.sort(np.concatenate([np.empty(0, np.uint64), *parts]))

    def among(self, digests: Digests) -> Flags:
        """`Overlaps`: those whose first word is one of an overlap are asked for."""
        found = np.zeros(len(digests), dtype=np.bool_)
        if len(self._words):
            first = _words(digests)
            at = np.searchsorted(self._words, first).clip(max=len(self._words) - 1)
            rows = np.flatnonzero(self._words[at] == first)
            found[rows] = np.isin(as_strings(digests[rows]), as_strings(overlapping(self._database, digests[rows])))
        return found

    def pages(self) -> Iterator[Digests]:
        """`Overlaps`."""
        last: bytes | None = b""
        while last is not None and len(self._words):
            with self._database.reads() as session:
                digest = tables.overlaps.c.digest
                page = list(session.scalars(select(digest).where(digest > last).order_by(digest).limit(_PAGE)))
            if page:
                yield stack(page)
            last = page[-1] if len(page) == _PAGE else None


class OverlapsOfPool:
    """Those among a pool's own digests, `uint8[n, 32]`, sorted and each once."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests

    def among(self, digests: Digests) -> Flags:
        """`Overlaps`."""
        return np.isin(as_strings(digests), as_strings(self._digests))

    def pages(self) -> Iterator[Digests]:
        """`Overlaps`."""
        for start in range(0, len(self._digests), _PAGE):
            yield self._digests[start : start + _PAGE]


def overlapping(database: Database, digests: Digests) -> Digests:
    """Those of `digests`, `uint8[n, 32]`, that overlap; sorted, each once."""
    ordered, _ = sort_unique(digests)
    with database.reads() as session:
        (row,) = columns_by_digest(session, tables.overlaps, ordered)
    return ordered[np.sort(row)]


def more_than(database: Database, items: int) -> bool:
    """Whether the registry has more overlaps than so many items; counts no further."""
    some = select(tables.overlaps.c.digest).limit(items + 1).subquery()
    with database.reads() as session:
        return (session.scalar(select(func.count()).select_from(some)) or 0) > items


def _words(digests: Digests) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(digests[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
