"""The candidates of a part, read from blocks in bounded memory, in short transactions: what they hold never changes.

Every item outside `overlaps` is judged by its registration alone, so whole registrations are admitted or passed over
unread. Items in `overlaps` are judged by all their claims.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from firsthand.core import selection
from firsthand.core.digests import Digests, as_strings, sort_unique, stack, to_bytes
from firsthand.core.digests import at as digest_rows
from firsthand.core.selection import Keys
from firsthand.core.verdicts import Verdicts
from firsthand.schemas.mixes import Part, Recipe
from service.claims.catalog import Flags, Ids, View
from service.claims.overlaps import AllOverlaps, Overlaps, OwnOverlaps, more_than, overlapping
from service.claims.standing import Evidence, evidence
from service.mixes.rules import Candidates, admits, eligible
from service.storage.block_layout import Layout, Rows
from service.storage.engine import Database, blocks_of

#: Items that are looked at together: few enough for a processor's cache.
_PIECE = 2**16
#: As many items as are asked, one by one, whether they overlap; their digests are held in memory.
_FEW = 2**20


class Scan:
    """One mix's reading of the registry, at a position."""

    def __init__(self, database: Database, view: View, recipe: Recipe) -> None:
        self._database, self._view, self._recipe = database, view, recipe
        self._all: AllOverlaps | None = None
        self._near: tuple[Part, Overlaps] | None = None
        self._of: tuple[Part, tuple[Ids, Verdicts]] | None = None

    def candidates(self, part: Part, bound: Callable[[], np.uint64]) -> Iterator[Candidates]:
        """All candidates of a part; those with keys over `bound()` at the time of reading may be left out."""
        overlaps = self._overlaps(part)
        yield from self._alone(part, bound, overlaps)
        yield from self._judged(part, overlaps)

    # Which items their registration does not judge alone.

    def _overlaps(self, part: Part) -> Overlaps:
        """All of the registry's, or, where the part may take fewer items than they are, those among these."""
        if self._near is None or self._near[0] is not part:  # asked again for each bound
            self._near = part, self._find_overlaps(part)
        return self._near[1]

    def _find_overlaps(self, part: Part) -> Overlaps:
        ids = self._view.standing()
        ids = ids[eligible(part, self._view, ids)]
        items = int(self._view.registrations["items"][ids].sum(dtype=np.int64))
        if items <= _FEW and more_than(self._database, items):
            return OwnOverlaps(self._own(ids))
        self._all = self._all or AllOverlaps(self._database)
        return self._all

    def _own(self, ids: Ids) -> Digests:
        """The overlapping digests of some registrations, sorted, each once."""
        blocks = self._blocks([], ids)
        parts = [
            overlapping(self._database, digest_rows(digests, np.flatnonzero(rows >= 0))) for rows, digests, *_ in blocks
        ]
        return sort_unique(np.concatenate([np.empty((0, 32), np.uint8), *parts]))[0]

    # Items that their registration alone judges.

    def pool(self, part: Part) -> int:
        """How many items a part may choose from, one that several registrations claim as often."""
        ids, _ = self._admitted(part)
        return int(self._view.registrations["items"][ids].sum(dtype=np.int64))

    def _admitted(self, part: Part) -> tuple[Ids, Verdicts]:
        """The registrations whose items the part admits, unread, and the verdict on what each alone claims."""
        if self._of is None or self._of[0] is not part:  # asked twice, and there may be a million
            self._of = part, self._admit(part)
        return self._of[1]

    def _admit(self, part: Part) -> tuple[Ids, Verdicts]:
        alone = self._view.alone(self._recipe.policy)
        ids = self._view.standing_of(admits(part, alone))
        ids = ids[eligible(part, self._view, ids) & self._has_columns(part, ids)]
        return ids, _at(alone, self._view.saying(ids))

    def _alone(self, part: Part, bound: Callable[[], np.uint64], overlaps: Overlaps) -> Iterator[Candidates]:
        ids, alone = self._admitted(part)
        for rows, digests, size, confidence in self._blocks(self._columns(part), ids):
            place, order = self._keys(digests, confidence)
            near = np.flatnonzero(order <= bound())  # of most, nothing more than the key is looked at
            near = near[rows[near] >= 0]
            says = _at(alone, rows[near])
            sizes = None if size is None else size[near]
            chunk = self._chunk(digest_rows(digests, near), place[near], order[near], says, sizes)
            yield self._weighable(part, chunk.where(~overlaps.among(chunk.digests)))

    def _blocks(self, names: Sequence[str], ids: Ids) -> Iterator[tuple[Rows, Digests, Any, Any]]:
        """The blocks of registrations: (row of each item in `ids`, -1 for another's; digests, size, confidence).

        Of the aligned columns those that are named, of the others None.
        """
        layout = Layout(self._view, ids)
        for run in layout.runs():
            with self._database.reads() as session:
                found = blocks_of(session, layout.blocks[run], names, layout.dense(run))
            registration, number, digests, *columns = zip(*found, strict=True)
            place = _places(layout.blocks[run], np.array(registration, dtype=np.int64))
            order = np.lexsort((np.array(number), place))
            order = order[place[order] >= 0]
            counts = np.array([len(digests[i]) // 32 for i in order])
            rows, ends = layout.rows(run), np.cumsum(counts)
            for piece in _pieces(counts):
                chosen = order[piece]
                joined = {name: _joined(column, chosen) for name, column in zip(names, columns, strict=True)}
                yield (
                    rows[ends[piece[0]] - counts[piece[0]] : ends[piece[-1]]],
                    np.frombuffer(_joined(digests, chosen), dtype=np.uint8).reshape(-1, 32),
                    np.frombuffer(joined["size"], dtype="<u4") if "size" in joined else None,
                    np.frombuffer(joined["confidence"], dtype=np.uint8) if "confidence" in joined else None,
                )

    def _columns(self, part: Part) -> list[str]:
        """The aligned columns that the part needs."""
        return ["size"] * (self._recipe.unit == "size") + ["confidence"] * (part.weight == "confidence")

    def _has_columns(self, part: Part, ids: Ids) -> Flags:
        has = np.ones(len(ids), dtype=np.bool_)
        for name in self._columns(part):
            has &= self._view.registrations[f"has_{name}"][ids]
        return has

    def _keys(self, digests: Digests, confidence: npt.NDArray[np.uint8] | None) -> tuple[Keys, Keys]:
        """The place of each item, and what it is sorted by: the same, unless the part weights."""
        place = selection.keys(digests, self._recipe.seed)
        return place, place if confidence is None else selection.weighted(place, confidence)

    def _chunk(
        self, digests: Digests, place: Keys, order: Keys, verdicts: Verdicts, size: npt.NDArray[np.uint32] | None
    ) -> Candidates:
        says = verdicts.verdict, verdicts.generation, verdicts.lower_bound
        return Candidates(
            digests, place, order, *says, np.zeros(len(digests), dtype=np.uint32) if size is None else size
        )

    def _weighable(self, part: Part, chunk: Candidates) -> Candidates:
        """Without what has confidence 0, which is never taken."""
        return chunk if part.weight is None else chunk.where(chunk.order < np.uint64(2**64 - 1))

    # Items that all their claims judge.

    def admits(self, part: Part, digests: Digests, found: Evidence) -> Flags:
        """Which of some items, `uint8[n, 32]`, the part admits, by all the claims on each."""
        kept = self._judge(part, to_bytes(digests), found)
        return np.isin(as_strings(digests), as_strings(kept.digests))

    def _judged(self, part: Part, overlaps: Overlaps) -> Iterator[Candidates]:
        for digests in overlaps.pages():
            with self._database.reads() as session:
                found = evidence(session, self._view, digests)
            # judged without the session: what follows may need a connection of its own
            yield self._judge(part, to_bytes(digests), found)

    def _judge(self, part: Part, digests: Sequence[bytes], found: Evidence) -> Candidates:
        """The candidates among overlapping digests: the verdict over all claims, columns by one that is eligible.

        That is the earliest, or, where the part weights by it, the one of the highest confidence: whichever an item
        that nobody contests would be taken by, for `overlaps` must not change a mix.
        """
        verdicts = found.judge(self._recipe.policy)
        fits = admits(part, verdicts)[found.item] & eligible(part, self._view, found.registration)
        fits &= self._has_columns(part, found.registration)
        item, registration = found.item[fits], found.registration[fits]  # sorted by item, then position
        claimed = stack([digests[i] for i in item])
        size, confidence = self._aligned(part, claimed, registration)
        order = np.arange(len(item)) if confidence is None else np.lexsort((255 - confidence, item))
        _, first = np.unique(item[order], return_index=True)
        rows = order[first]
        size, confidence = (None if column is None else column[rows] for column in (size, confidence))
        place, by = self._keys(claimed[rows], confidence)
        return self._weighable(part, self._chunk(claimed[rows], place, by, _at(verdicts, item[rows]), size))

    def _aligned(self, part: Part, digests: Digests, registrations: Ids) -> tuple[Any, Any]:
        """The aligned columns of single items, looked up in the blocks of the registration that each came by."""
        names = self._columns(part)
        found = {name: np.zeros(len(digests), dtype=np.uint32) for name in names}
        if names:
            wanted = {
                (int(id_), d): row for row, (id_, d) in enumerate(zip(registrations, to_bytes(digests), strict=True))
            }
            ids = np.unique(registrations)
            for rows, block, size, confidence in self._blocks(names, ids):
                hits = np.flatnonzero(np.isin(as_strings(block), as_strings(digests)) & (rows >= 0))
                for i, digest in zip(hits, to_bytes(block[hits]), strict=True):
                    row = wanted.get((int(ids[rows[i]]), digest))
                    for name, column in (("size", size), ("confidence", confidence)):
                        if row is not None and column is not None:
                            found[name][row] = column[i]
        confidence = found.get("confidence")
        return found.get("size"), None if confidence is None else confidence.astype(np.uint8)


def _at(verdicts: Verdicts, rows: Any) -> Verdicts:
    return Verdicts(verdicts.verdict[rows], verdicts.generation[rows], verdicts.lower_bound[rows])


def _places(blocks: Ids, found: Ids) -> Ids:
    """The place of each in `blocks`, -1 for one that is not among them. A table: there may be ten thousand."""
    low = int(blocks.min())
    table = np.full(int(blocks.max()) - low + 1, -1, dtype=np.int64)
    table[blocks - low] = np.arange(len(blocks))
    places: Ids = table[found - low]
    return places


def _pieces(counts: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Runs of blocks, by their numbers of items: a large block by itself, small ones joined."""
    group = np.cumsum(counts) // _PIECE
    return np.split(np.arange(len(counts)), np.flatnonzero(np.diff(group)) + 1)


def _joined(column: Sequence[bytes], chosen: npt.NDArray[np.int64]) -> bytes:
    return column[chosen[0]] if len(chosen) == 1 else b"".join([column[i] for i in chosen])
