"""The overlapping digests among the items that a part of a mix can select.

A digest overlaps if its claims may differ, so that its verdict must be computed from all its claims. There are two ways
to find these digests. `AllOverlaps` keeps the first word (8 bytes) of every overlapping digest of the registry in
memory. `OwnOverlaps` keeps only the overlapping digests among the part's own items. It is used if the part has fewer
items than the registry has overlaps: then the overlaps of other items cost no time.
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

#: The number of overlapping digests whose verdicts are computed together.
_PAGE = 20_000


class Overlaps(Protocol):
    """The overlapping digests, in the form that a scan needs."""

    def among(self, digests: Digests) -> Flags:
        """Return which of `digests`, `uint8[n, 32]`, overlap. All of them must be items that the part can select."""
        ...

    def pages(self) -> Iterator[Digests]:
        """Yield the overlapping digests that the part can select, sorted, in pages of some thousands.

        The pages may also have other overlapping digests. No session is open between two pages.
        """
        ...


class AllOverlaps:
    """All overlapping digests of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reads() as session:
            rows = session.scalars(select(tables.overlaps.c.digest))
            parts = [first_words(stack(list(some))) for some in rows.partitions(10**5)]
        self._words = np.sort(np.concatenate([np.empty(0, np.uint64), *parts]))

    def among(self, digests: Digests) -> Flags:
        """Return which of `digests` overlap. Only digests whose first word is that of an overlap are looked up."""
        flags = np.zeros(len(digests), dtype=np.bool_)
        if len(self._words):
            words = first_words(digests)
            nearest = np.searchsorted(self._words, words).clip(max=len(self._words) - 1)
            rows = np.flatnonzero(self._words[nearest] == words)
            if not len(rows):  # true for most chunks, which then need no query
                return flags
            flags[rows] = OwnOverlaps(overlapping(self._database, digests[rows])).among(digests[rows])
        return flags

    def pages(self) -> Iterator[Digests]:
        """Yield the overlapping digests page by page. Each page is read when it is needed."""
        last: bytes | None = b""
        while last is not None and len(self._words):
            with self._database.reads() as session:
                digest = tables.overlaps.c.digest
                page = list(session.scalars(select(digest).where(digest > last).order_by(digest).limit(_PAGE)))
            if page:
                yield stack(page)
            last = page[-1] if len(page) == _PAGE else None


class OwnOverlaps:
    """The overlapping digests among a part's own items: `digests`, `uint8[n, 32]`, sorted, without duplicates."""

    def __init__(self, digests: Digests) -> None:
        self._digests, self._words = digests, first_words(digests)
        self._tied = bool((self._words[1:] == self._words[:-1]).any())

    def among(self, digests: Digests) -> Flags:
        """Return which of `digests` overlap.

        First words are compared first. Only an attacker can make different digests with the same first word. Then whole
        digests are compared.
        """
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
    """Return the digests among `digests`, `uint8[n, 32]`, that overlap: sorted, without duplicates."""
    ordered, _ = sort_unique(digests)
    with database.reads() as session:
        (row,) = columns_by_digest(session, tables.overlaps, ordered)
    return ordered[np.sort(row)]


def more_than(database: Database, items: int) -> bool:
    """Return whether the registry has more than `items` overlaps. The query stops at `items` + 1."""
    return count_up_to(database, items + 1) > items


def count_up_to(database: Database, most: int) -> int:
    """Return the number of overlaps of the registry. The query stops at `most`."""
    some = select(tables.overlaps.c.digest).limit(most).subquery()
    with database.reads() as session:
        return session.scalar(select(func.count()).select_from(some)) or 0
