"""The layout of the items of registrations in blocks, with its writer and its reader. This module uses no database.

A block is a row of the table `blocks` with at most 65,536 digests. The id of a block is the id of the first
registration in it. A registration has two columns for its items: `block`, the id of the blocks that hold them, and
`start`, the index of its first item there. Statements of one batch that make the same claim share a block, so a mix
reads either the whole block or nothing of it:

    batch         A: 3 items, human     B: 2 items, model m     C: 4 items, human

    block A, 0    | a0 a1 a2 | c0 c1 c2 c3 |     A: block A, start 0, items 3
    block B, 0    | b0 b1 |                      B: block B, start 0, items 2
                                                 C: block A, start 3, items 4

    `BlockReader.rows` of block A
      for [A, C]    0  0  0    1  1  1  1        for each item, the row of its registration in [A, C]
      for [C]      -1 -1 -1    0  0  0  0        -1: the registration of this item is not in [C]

`place` ensures the following, and `BlockReader` depends on it:

- The registrations in a block are in ascending order of their ids. Their items fill the block from item 0 without
  gaps.
- A registration of more than 65,536 items does not share its blocks. They are numbered from 0, and all are full except
  the last.
- Registrations with aligned columns (size, confidence) share a block only with their neighbours in the batch. So if
  blocks are read by the position of their first registration, the items with columns come in the order of positions.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core import merkle
from firsthand.core.digests import Digests, sort_unique

#: Ids of registrations, or other whole numbers of 64 bits.
Ids: TypeAlias = npt.NDArray[np.int64]
#: Columns of registrations. Each column is an array with one element per id.
RegistrationColumns: TypeAlias = Mapping[str, npt.NDArray[Any]]
Rows: TypeAlias = npt.NDArray[np.int32]

#: The maximum number of items in a block.
BLOCK_ITEMS = 65_536
#: `BlockReader` reads about `_ITEMS_PER_READ` items at once, from at most `_BLOCKS_PER_READ` blocks.
_ITEMS_PER_READ = 2**19
_BLOCKS_PER_READ = 10_000


@dataclass(frozen=True)
class ItemColumns:
    """n items: digests `uint8[n, 32]`, with the aligned columns size `uint32[n]` and confidence `uint8[n]`, or None."""

    digests: Digests
    size: npt.NDArray[np.uint32] | None = None
    confidence: npt.NDArray[np.uint8] | None = None

    def committed(self) -> "CommittedItems":
        """Return the items sorted by digest, without duplicates, with their Merkle root.

        If a digest occurs more than once, its first row is kept.
        """
        digests, rows = sort_unique(self.digests)
        size = None if self.size is None else self.size[rows]
        confidence = None if self.confidence is None else self.confidence[rows]
        return CommittedItems(digests, size, confidence, merkle.root(digests))


@dataclass(frozen=True)
class CommittedItems(ItemColumns):
    """The items of a registration: sorted, without duplicates, with their Merkle root (RFC 6962)."""

    root: bytes = b""


BlockRow: TypeAlias = tuple[int, int, bytes, bytes | None, bytes | None]


@dataclass(frozen=True)
class BlockPlacement:
    """The place of the items of the n statements of a batch in blocks. Arrays are `int64[n]`."""

    items: Sequence[ItemColumns]
    #: The indices of the statements of each group that shares blocks, in the order of their items.
    groups: list[list[int]]
    #: For each statement: the id of its registration, the id of its blocks, and the index of its first item in them.
    ids: Ids
    block: Ids
    start: Ids

    def block_rows(self) -> Iterator[BlockRow]:
        """Yield the rows of the table `blocks`: (registration, number, digests, size, confidence).

        `registration` is the id of the block. Numbers in `size` are little-endian.
        """
        for group in self.groups:
            columns = _concatenated([self.items[number] for number in group])
            for number, start in enumerate(range(0, len(columns.digests), BLOCK_ITEMS)):
                part = slice(start, start + BLOCK_ITEMS)
                size = None if columns.size is None else columns.size[part].astype("<u4").tobytes()
                confidence = None if columns.confidence is None else columns.confidence[part].astype("u1").tobytes()
                yield int(self.ids[group[0]]), number, columns.digests[part].tobytes(), size, confidence


def place(claims: Sequence[Hashable], items: Sequence[ItemColumns], ids: Ids) -> BlockPlacement:
    """Return the ids and the places in blocks of the n statements of a batch.

    `items` has the items of each statement. Statements with equal `claims` may share a block. Each statement gets one
    of `ids`, `int64[n]`, which must be in ascending order.
    """
    groups = _groups(claims, items)
    number = np.concatenate([np.array(group) for group in groups])
    id_of, block, start = (np.empty(len(items), dtype=np.int64) for _ in range(3))
    id_of[number] = ids
    block[number] = np.repeat([id_of[group[0]] for group in groups], [len(group) for group in groups])
    starts = (np.cumsum([0, *(len(items[n].digests) for n in group[:-1])]) for group in groups)
    start[number] = np.concatenate(list(starts))
    return BlockPlacement(items, groups, id_of, block, start)


def _groups(claims: Sequence[Hashable], items: Sequence[ItemColumns]) -> list[list[int]]:
    """Return the groups of statements that share blocks, as lists of the indices of the statements.

    A group is filled up to one block. A statement that is larger than a block is a separate group. Statements with
    aligned columns share a group only with their neighbours. The reason: if several statements claim an item, a mix
    takes the columns of the earliest statement, and it reads one block after the other.
    """
    groups: list[list[int]] = []
    unfilled: dict[Hashable, tuple[list[int], int]] = {}  # by kind: (the group, the number of its items)
    previous, run = None, 0
    for number, (claim, columns) in enumerate(zip(claims, items, strict=True)):
        kind = claim, columns.size is None, columns.confidence is None
        run += kind != previous
        key = kind, run if columns.size is not None or columns.confidence is not None else 0
        group, filled = unfilled.get(key, ([], BLOCK_ITEMS))
        if filled + len(columns.digests) > BLOCK_ITEMS:
            group, filled = [], 0
            groups.append(group)
        group.append(number)
        unfilled[key], previous = (group, filled + len(columns.digests)), kind
    return groups


def _concatenated(items: Sequence[ItemColumns]) -> ItemColumns:
    """Return all items of one group, in order. All statements of a group have the same aligned columns."""
    if len(items) == 1:
        return items[0]
    first = items[0]
    return ItemColumns(
        np.concatenate([columns.digests for columns in items]),
        None if first.size is None else np.concatenate([columns.size for columns in items if columns.size is not None]),
        None
        if first.confidence is None
        else np.concatenate([columns.confidence for columns in items if columns.confidence is not None]),
    )


class BlockReader:
    """Reads the blocks that hold the items of given registrations."""

    #: The ids of the blocks, in the order of the positions of their first registrations: `int64[b]`.
    blocks: Ids

    def __init__(self, registrations: RegistrationColumns, ids: Ids) -> None:
        """Find the blocks that hold the items of the registrations `ids`.

        `ids` is `int64[n]`, in ascending order. `registrations` has the columns `position`, `block`, `start`, `items`
        and `held` of `REGISTRATION_COLUMNS`. `held` is the number of items in a block.
        """
        self._registrations = registrations
        block = registrations["block"][ids]
        # stable: within a block the ids stay in ascending order, which is the order of the items
        self._order = np.argsort(registrations["position"][block], kind="stable")
        self._ids, block = ids[self._order], block[self._order]
        first = np.flatnonzero(np.diff(block, prepend=-1))
        self._ends = np.append(first, len(ids))
        self.blocks = block[first].astype(np.int64)
        self._held = registrations["held"][self.blocks].astype(np.int64)

    def runs(self) -> Iterator[slice]:
        """Yield slices of `blocks` to read together. Each has about 524,288 items and at most 10,000 blocks."""
        group = np.maximum(np.cumsum(self._held) // _ITEMS_PER_READ, np.arange(len(self.blocks)) // _BLOCKS_PER_READ)
        first = np.flatnonzero(np.diff(group, prepend=-1))
        for start, end in pairwise([*first.tolist(), len(group)]):
            yield slice(start, end)

    def dense(self, run: slice) -> bool:
        """Return whether at least half of the items between the lowest and the highest id of a run are in its blocks.

        It is then faster to read the whole range of ids. A run of one block is not dense.
        """
        low, high = int(self.blocks[run].min()), int(self.blocks[run].max())
        between: int = self._registrations["held"][low : high + 1].sum(dtype=np.int64)
        return run.stop - run.start > 1 and between <= 2 * int(self._held[run].sum())

    def rows(self, run: slice) -> Rows:
        """Return, for each of the m items in the blocks of a run, the row of its registration in `ids`: `int32[m]`.

        The row is -1 if the registration is not in `ids`. The items are in the order of `blocks`, and within a block in
        the order in which they were written.
        """
        members = slice(self._ends[run.start], self._ends[run.stop])
        held, ids = self._held[run], self._ids[members]
        members_per_block = np.diff(self._ends[run.start : run.stop + 1])
        begin = np.repeat(np.cumsum(held) - held, members_per_block) + self._registrations["start"][ids]
        end = begin + self._registrations["items"][ids]
        # all items between two edges have the same row: the row of a registration, or -1 in a gap
        edges = np.column_stack([begin, end]).reshape(-1)
        row = np.full(len(edges) + 1, -1, dtype=np.int32)
        row[1::2] = self._order[members]
        return np.repeat(row, np.diff(edges, prepend=0, append=held.sum()))
