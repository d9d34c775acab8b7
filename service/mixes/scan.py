"""Read the candidates of a part from blocks, in limited memory and in short transactions. Blocks never change.

If an item does not overlap, its verdict is that of its registration. So whole registrations are admitted or skipped,
and skipped registrations are not read. The verdict on an overlapping item is computed from all its claims.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from firsthand.core import selection
from firsthand.core.digests import SIZE, Digests, as_strings, sort_unique, stack, to_bytes
from firsthand.core.digests import at as digest_rows
from firsthand.core.selection import Keys
from firsthand.core.verdicts import Flags, Verdicts
from firsthand.schemas.mixes import Part, Recipe
from service.claims.overlaps import AllOverlaps, Overlaps, OwnOverlaps, more_than, overlapping
from service.claims.standing import StandingClaims, standing_claims
from service.claims.view import View
from service.mixes.rules import Candidates, admits, eligible
from service.storage.block_layout import BlockReader, Ids, Rows
from service.storage.blocks import read_blocks
from service.storage.engine import Database

#: The number of items that are processed together. They fit in the cache of a processor.
_PIECE = 2**16
#: The maximum number of items in a part for which the scan looks up which of these items overlap.
_FEW = 2**20


class Scan:
    """One pass over the registry for a mix, at the position of a view."""

    def __init__(self, database: Database, view: View, recipe: Recipe) -> None:
        self._database, self._view, self.recipe = database, view, recipe
        self._all: AllOverlaps | None = None
        self._near: tuple[Part, Overlaps] | None = None
        self._admitted_by: tuple[Part, tuple[Ids, Verdicts]] | None = None

    def candidates(self, part: Part, bound: Callable[[], np.uint64]) -> Iterator[Candidates]:
        """Yield all candidates of a part.

        Candidates whose keys are above `bound()` may be missing. `bound` is called at each read.
        """
        overlaps = self._overlaps(part)
        yield from self._alone(part, bound, overlaps)
        yield from self._judged(part, overlaps)

    # Overlapping items.

    def _overlaps(self, part: Part) -> Overlaps:
        """Return the overlaps of a part. The last result is cached, because the scan for each bound needs it."""
        if self._near is None or self._near[0] is not part:
            self._near = part, self._find_overlaps(part)
        return self._near[1]

    def _find_overlaps(self, part: Part) -> Overlaps:
        """Return the overlaps that the part needs.

        If the registry has more overlaps than the part has items, these are the overlaps among the items of the part.
        Otherwise they are all overlaps of the registry.
        """
        ids, items = self._eligible(part)
        if items <= _FEW and more_than(self._database, items):
            return OwnOverlaps(self._own(ids))
        self._all = self._all or AllOverlaps(self._database)
        return self._all

    def _eligible(self, part: Part) -> tuple[Ids, int]:
        """Return (the ids of the registrations that pass the part's filters on them, their number of items)."""
        ids = self._view.standing()
        ids = ids[eligible(part, self._view, ids)]
        return ids, int(self._view.registrations["items"][ids].sum(dtype=np.int64))

    def _own(self, ids: Ids) -> Digests:
        """Return the overlapping digests of the registrations `ids`: sorted, without duplicates."""
        blocks = self._blocks([], ids)
        parts = [
            overlapping(self._database, digest_rows(digests, np.flatnonzero(rows >= 0))) for rows, digests, *_ in blocks
        ]
        return sort_unique(np.concatenate([np.empty((0, SIZE), np.uint8), *parts]))[0]

    # Items that do not overlap.

    def pool(self, part: Part) -> int:
        """Return the number of candidate claims of a part. An item that k registrations claim counts k times."""
        ids, _ = self._admitted(part)
        return int(self._view.registrations["items"][ids].sum(dtype=np.int64))

    def registrations(self, part: Part) -> int:
        """Return how many registrations a part reads."""
        return len(self._admitted(part)[0])

    def judged(self, part: Part, overlapping: int) -> int:
        """Return the maximum number of items of a part whose verdict is computed from all their claims.

        `overlapping` is the number of overlapping items in the registry.
        """
        return min(self._eligible(part)[1], overlapping) if overlapping else 0

    def _admitted(self, part: Part) -> tuple[Ids, Verdicts]:
        """Return (the ids of the registrations whose items the part admits, the verdict of each registration's items).

        The last result is cached: it is needed twice, and there may be a million registrations.
        """
        if self._admitted_by is None or self._admitted_by[0] is not part:
            class_verdicts = self._view.class_verdicts(self.recipe.policy)
            ids = self._view.standing_of(admits(part, class_verdicts))
            ids = ids[eligible(part, self._view, ids) & self._has_columns(part, ids)]
            self._admitted_by = part, (ids, _at(class_verdicts, self._view.claim_classes(ids)))
        return self._admitted_by[1]

    def _alone(self, part: Part, bound: Callable[[], np.uint64], overlaps: Overlaps) -> Iterator[Candidates]:
        ids, verdicts = self._admitted(part)
        for rows, digests, size, confidence in self._blocks(self._columns(part), ids):
            key, order = self._keys(digests, confidence)
            near = np.flatnonzero(order <= bound())  # for items above the bound, only the keys are computed
            near = near[rows[near] >= 0]
            sizes = None if size is None else size[near]
            chunk = self._chunk(digest_rows(digests, near), key[near], order[near], _at(verdicts, rows[near]), sizes)
            yield self._weighable(part, chunk.where(~overlaps.among(chunk.digests)))

    def _blocks(self, names: Sequence[str], ids: Ids) -> Iterator[tuple[Rows, Digests, Any, Any]]:
        """Yield the items of the registrations `ids`, as tuples (rows, digests, size, confidence).

        `rows` has, for each item, the row of its registration in `ids`, or -1 if the registration is not in `ids`.
        Aligned columns that are not in `names` are None.
        """
        reader = BlockReader(self._view.registrations, ids)
        for run in reader.runs():
            with self._database.reads() as session:
                block_rows = read_blocks(session, reader.blocks[run], names, reader.dense(run))
            registration, number, digests, *columns = zip(*block_rows, strict=True)
            block = _indices(reader.blocks[run], np.array(registration, dtype=np.int64))
            order = np.lexsort((np.array(number), block))
            order = order[block[order] >= 0]
            counts = np.array([len(digests[i]) // SIZE for i in order])
            rows, ends = reader.rows(run), np.cumsum(counts)
            for piece in _pieces(counts):
                chosen = order[piece]
                joined = {name: _joined(column, chosen) for name, column in zip(names, columns, strict=True)}
                yield (
                    rows[ends[piece[0]] - counts[piece[0]] : ends[piece[-1]]],
                    np.frombuffer(_joined(digests, chosen), dtype=np.uint8).reshape(-1, SIZE),
                    np.frombuffer(joined["size"], dtype="<u4") if "size" in joined else None,
                    np.frombuffer(joined["confidence"], dtype=np.uint8) if "confidence" in joined else None,
                )

    def _columns(self, part: Part) -> list[str]:
        """Return the names of the aligned columns that the part needs."""
        return ["size"] * (self.recipe.unit == "size") + ["confidence"] * (part.weight == "confidence")

    def _has_columns(self, part: Part, ids: Ids) -> Flags:
        """Return which registrations have the aligned columns that the part needs."""
        has = np.ones(len(ids), dtype=np.bool_)
        for name in self._columns(part):
            has &= self._view.registrations[f"has_{name}"][ids]
        return has

    def _keys(self, digests: Digests, confidence: npt.NDArray[np.uint8] | None) -> tuple[Keys, Keys]:
        """Return (the key of each item, the key by which it is sorted). They differ only if the part has weights."""
        key = selection.keys(digests, self.recipe.seed)
        return key, key if confidence is None else selection.weighted(key, confidence)

    def _chunk(
        self, digests: Digests, key: Keys, order: Keys, verdicts: Verdicts, size: npt.NDArray[np.uint32] | None
    ) -> Candidates:
        if size is None:
            size = np.zeros(len(digests), dtype=np.uint32)
        return Candidates(digests, key, order, verdicts.verdict, verdicts.generation, verdicts.lower_bound, size)

    def _weighable(self, part: Part, chunk: Candidates) -> Candidates:
        """Return the candidates without those of confidence 0, because a part with weights never selects them."""
        return chunk if part.weight is None else chunk.where(chunk.order < np.uint64(2**64 - 1))

    # Items whose verdict is computed from all their claims.

    def admits(self, part: Part, digests: Digests, standing: StandingClaims) -> Flags:
        """Return which items of `digests`, `uint8[n, 32]`, the part admits, judged by all their claims: `bool[n]`."""
        kept = self._judge(part, to_bytes(digests), standing)
        return np.isin(as_strings(digests), as_strings(kept.digests))

    def _judged(self, part: Part, overlaps: Overlaps) -> Iterator[Candidates]:
        for digests in overlaps.pages():
            with self._database.reads() as session:
                standing = standing_claims(session, self._view, digests)
            # after the session is closed, because `_judge` may need another connection
            yield self._judge(part, to_bytes(digests), standing)

    def _judge(self, part: Part, digests: Sequence[bytes], standing: StandingClaims) -> Candidates:
        """Return the candidates among overlapping digests, with the verdict from all their claims.

        The aligned columns of an item come from its earliest eligible claim or, if the part has weights, from its claim
        with the highest confidence. For an item that does not overlap, this is the same claim. So a digest that is in
        `overlaps` without need does not change a mix.
        """
        verdicts = standing.judge(self.recipe.policy)
        fits = admits(part, verdicts)[standing.item] & eligible(part, self._view, standing.registration)
        fits &= self._has_columns(part, standing.registration)
        item, registration = standing.item[fits], standing.registration[fits]  # sorted by item, then position
        claimed = stack([digests[i] for i in item])
        size, confidence = self._aligned(part, claimed, registration)
        best_first = np.arange(len(item)) if confidence is None else np.lexsort((255 - confidence, item))
        _, first = np.unique(item[best_first], return_index=True)
        rows = best_first[first]
        size, confidence = (None if column is None else column[rows] for column in (size, confidence))
        chunk = self._chunk(claimed[rows], *self._keys(claimed[rows], confidence), _at(verdicts, item[rows]), size)
        return self._weighable(part, chunk)

    def _aligned(self, part: Part, digests: Digests, registrations: Ids) -> tuple[Any, Any]:
        """Return (size, confidence) of single items. They are read from the block of each item's registration."""
        names = self._columns(part)
        values = {name: np.zeros(len(digests), dtype=np.uint32) for name in names}
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
                            values[name][row] = column[i]
        confidence = values.get("confidence")
        return values.get("size"), None if confidence is None else confidence.astype(np.uint8)


def _at(verdicts: Verdicts, rows: Any) -> Verdicts:
    """Return the verdicts in these rows."""
    return Verdicts(verdicts.verdict[rows], verdicts.generation[rows], verdicts.lower_bound[rows])


def _indices(blocks: Ids, ids: Ids) -> Ids:
    """Return the index in `blocks` of each of `ids`, or -1.

    A table is used, because there may be ten thousand blocks.
    """
    low = int(blocks.min())
    table = np.full(int(blocks.max()) - low + 1, -1, dtype=np.int64)
    table[blocks - low] = np.arange(len(blocks))
    indices: Ids = table[ids - low]
    return indices


def _pieces(counts: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Return groups of consecutive blocks: a large block alone, small blocks together.

    `counts` has the number of items of each block.
    """
    group = np.cumsum(counts) // _PIECE
    return np.split(np.arange(len(counts)), np.flatnonzero(np.diff(group)) + 1)


def _joined(column: Sequence[bytes], chosen: npt.NDArray[np.int64]) -> bytes:
    """Return the values of the chosen rows, joined in this order."""
    return column[chosen[0]] if len(chosen) == 1 else b"".join([column[i] for i in chosen])
