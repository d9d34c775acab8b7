"""The overlapping digests among what a part may take: each is judged by all its claims.

Either all of the registry's, of which memory holds the first word each; or, where what a part may take is less than
they are, those among its own items, so that what others claim costs it nothing.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from sqlalchemy import func, select

from firsthand.core.digests import Digests, as_strings, first_words, sort_unique, stack
from service.claims.catalog import Flags
from service.storage import tables
from service.storage.engine import Database, columns_by_digest

#: Overlapping digests that are judged together.
_PAGE = 20_000


class Overlaps(Protocol):
    """What a scan asks."""

    def among(self, digests: Digests) -> Flags:
        """Which of `digests`, `uint8[n, 32]` that the part may take, overlap."""
        ...

    def pages(self) -> Iterator[Digests]:
        """At least those that it may take, sorted, some thousands at a time; no session is held in between."""
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
        """Those whose first word is an overlap's are asked of the database."""
        found = np.zeros(len(digests), dtype=np.bool_)
        if len(self._words):
            first = first_words(digests)
            at = np.searchsorted(self._words, first).clip(max=len(self._words) - 1)
            rows = np.flatnonzero(self._words[at] == first)
            if not len(rows):  # as of most chunks: nothing is asked
                return found
            found[rows] = OwnOverlaps(overlapping(self._database, digests[rows])).among(digests[rows])
        return found

    def pages(self) -> Iterator[Digests]:
        """Read as they are asked for."""
        last: bytes | None = b""
        while last is not None and len(self._words):
            with self._database.reads() as session:
                digest = tables.overlaps.c.digest
                page = list(session.scalars(select(digest).where(digest > last).order_by(digest).limit(_PAGE)))
            if page:
                yield stack(page)
            last = page[-1] if len(page) == _PAGE else None


class OwnOverlaps:
    """Those among a part's own items: `digests`, `uint8[n, 32]`, sorted and each once."""

    def __init__(self, digests: Digests) -> None:
        self._digests, self._words = digests, first_words(digests)
        self._tied = bool((self._words[1:] == self._words[:-1]).any())

    def among(self, digests: Digests) -> Flags:
        """All in memory; only crafted digests share their first words, and are compared as a whole."""
        if self._tied or not len(self._digests):
            return np.isin(as_strings(digests), as_strings(self._digests))
        at = np.searchsorted(self._words, first_words(digests))
        found: Flags = (self._digests.take(at, axis=0, mode="clip") == digests).all(axis=1)
        return found

    def pages(self) -> Iterator[Digests]:
        """Cut out of what is there."""
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
