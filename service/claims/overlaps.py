"""The overlapping digests among the items that a part of a mix may take. Each of them is judged by all its claims.

There are two ways to find them. `AllOverlaps` holds the first word of every overlapping digest of the registry in
memory. `OwnOverlaps` holds only those among a part's own items, if these are fewer: then the overlaps of other items
cost the part nothing.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from sqlalchemy import func, select

from firsthand.core.digests import Digests, as_strings, first_words, sort_unique, stack
from firsthand.core.verdicts import Flags
from service.storage import tables
from service.storage.bulk import columns_by_digest
from service.storage.engine import Database

#: Overlapping digests that are judged together.
_PAGE = 20_000


class Overlaps(Protocol):
    """What a scan needs."""

    def among(self, digests: Digests) -> Flags:
        """Return which of `digests`, `uint8[n, 32]`, overlap; the part may take all of them."""
        ...

    def pages(self) -> Iterator[Digests]:
        """Yield at least the overlapping digests that the part may take, sorted, some thousands at a time.

        No session is open in between.
        """
        ...


class AllOverlaps:
    """Every overlap of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reads() as session:
            rows = session.scalars(select(tables.overlaps.c.digest))
            parts = [first_words(stack(list(some))) for some in rows.partitions(10**5)]
        self._words = np.sort(np.concatenate([np.empty(0, np.uint64), *parts]))

    def among(self, digests: Digests) -> Flags:
        """Return which of `digests` overlap. Only those with the first word of an overlap are looked up."""
        flags = np.zeros(len(digests), dtype=np.bool_)
        if len(self._words):
            words = first_words(digests)
            nearest = np.searchsorted(self._words, words).clip(max=len(self._words) - 1)
            rows = np.flatnonzero(self._words[nearest] == words)
            if not len(rows):  # true for most chunks: the database is not asked
                return flags
            flags[rows] = OwnOverlaps(overlapping(self._database, digests[rows])).among(digests[rows])
        return flags

    def pages(self) -> Iterator[Digests]:
        """Yield the overlaps page by page, each read when it is needed."""
        last: bytes | None = b""
        while last is not None and len(self._words):
            with self._database.reads() as session:
                digest = tables.overlaps.c.digest
                page = list(session.scalars(select(digest).where(digest > last).order_by(digest).limit(_PAGE)))
            if page:
                yield stack(page)
            last = page[-1] if len(page) == _PAGE else None


class OwnOverlaps:
    """The overlaps among a part's own items: `digests`, `uint8[n, 32]`, sorted, without duplicates."""

    def __init__(self, digests: Digests) -> None:
        self._digests, self._words = digests, first_words(digests)
        self._tied = bool((self._words[1:] == self._words[:-1]).any())

    def among(self, digests: Digests) -> Flags:
        """Return which of `digests` overlap. Only crafted digests share first words; they are compared as a whole."""
        if self._tied or not len(self._digests):
            return np.isin(as_strings(digests), as_strings(self._digests))
        nearest = np.searchsorted(self._words, first_words(digests))
        flags: Flags = (self._digests.take(nearest, axis=0, mode="clip") == digests).all(axis=1)
        return flags

    def pages(self) -> Iterator[Digests]:
        """Yield slices of the digests in memory."""
        for start in range(0, len(self._digests), _PAGE):
            yield self._digests[start : start + _PAGE]


def overlapping(database: Database, digests: Digests) -> Digests:
    """Return those of `digests`, `uint8[n, 32]`, that overlap; sorted, without duplicates."""
    ordered, _ = sort_unique(digests)
    with database.reads() as session:
        (row,) = columns_by_digest(session, tables.overlaps, ordered)
    return ordered[np.sort(row)]


def more_than(database: Database, items: int) -> bool:
    """Return whether the registry has more overlaps than so many items; it counts no further."""
    return count_up_to(database, items + 1) > items


def count_up_to(database: Database, most: int) -> int:
    """Return how many overlaps the registry has; it counts no further than `most`."""
    some = select(tables.overlaps.c.digest).limit(most).subquery()
    with database.reads() as session:
        return session.scalar(select(func.count()).select_from(some)) or 0
