"""How the items of registrations lie in blocks: the writer and the reader of one layout. Pure.

A block is a row of the table `blocks` with at most 65,536 digests. A registration names the blocks that hold its items
by `block`, the id of the first registration in them, and its first item by `start`. Statements of one batch that make
the same claim share a block, so a mix reads such a block whole or not at all:

    batch         A: 3 items, human     B: 2 items, model m     C: 4 items, human

    block A, 0    | a0 a1 a2 | c0 c1 c2 c3 |     A: block A, start 0, items 3
    block B, 0    | b0 b1 |                      B: block B, start 0, items 2
                                                 C: block A, start 3, items 4

    `BlockReader.rows` of block A
      for [A, C]    0  0  0    1  1  1  1        the row in [A, C] of the registration of each item
      for [C]      -1 -1 -1    0  0  0  0        -1 for an item of a registration that is not read

The invariant that `place` keeps and `BlockReader` relies on:

- The registrations in a block ascend by id, and their items follow each other without gaps from item 0 on.
- A registration of more than 65,536 items has blocks of its own, numbered from 0, all full except the last.
- Registrations with aligned columns (sizes, confidences) share a block only with their neighbours in the batch. So if
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

#: Ids of registrations, or other whole numbers as wide.
Ids: TypeAlias = npt.NDArray[np.int64]
#: Columns of registrations, each an array with one element per id.
RegistrationColumns: TypeAlias = Mapping[str, npt.NDArray[Any]]
Rows: TypeAlias = npt.NDArray[np.int32]

#: The most items in a block.
BLOCK_ITEMS = 65_536
#: `BlockReader` reads about this many items at once, from at most this many blocks.
_ITEMS_PER_READ = 2**19
_BLOCKS_PER_READ = 10_000


@dataclass(frozen=True)
class ItemColumns:
    """Items with their aligned columns: `uint8[n, 32]`, and if given `uint32[n]` and `uint8[n]`."""

    digests: Digests
    size: npt.NDArray[np.uint32] | None = None
    confidence: npt.NDArray[np.uint8] | None = None

    def committed(self) -> "CommittedItems":
        """Return the items sorted by digest, without duplicates, with their root. Of duplicates the first row stays."""
        digests, rows = sort_unique(self.digests)
        size = None if self.size is None else self.size[rows]
        confidence = None if self.confidence is None else self.confidence[rows]
        return CommittedItems(digests, size, confidence, merkle.root(digests))


@dataclass(frozen=True)
class CommittedItems(ItemColumns):
    """The items of a registration: sorted, without duplicates, committed to by their Merkle root (RFC 6962)."""

    root: bytes = b""


BlockRow: TypeAlias = tuple[int, int, bytes, bytes | None, bytes | None]


@dataclass(frozen=True)
class BlockPlacement:
    """Where the items of the n statements of a batch are written. Arrays are `int64[n]`."""

    items: Sequence[ItemColumns]
    #: The numbers of the statements that share blocks, in the order of their items.
    groups: list[list[int]]
    #: The id of each statement's registration, the id by which its blocks go, and its first item in them.
    ids: Ids
    block: Ids
    start: Ids

    def block_rows(self) -> Iterator[BlockRow]:
        """Yield the rows of the table `blocks`: registration, number, digests, size, confidence (little-endian)."""
        for group in self.groups:
            columns = _concatenated([self.items[number] for number in group])
            for number, start in enumerate(range(0, len(columns.digests), BLOCK_ITEMS)):
                part = slice(start, start + BLOCK_ITEMS)
                size = None if columns.size is None else columns.size[part].astype("<u4").tobytes()
                confidence = None if columns.confidence is None else columns.confidence[part].astype("u1").tobytes()
                yield int(self.ids[group[0]]), number, columns.digests[part].tobytes(), size, confidence


def place(claims: Sequence[Hashable], items: Sequence[ItemColumns], ids: Ids) -> BlockPlacement:
    """Give each statement of a batch one of `ids`, `int64[n]`, which ascend, and a place in blocks.

    Statements with equal `claims` may share a block.
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
    """Return the numbers of the statements that share blocks.

    A group is filled up to one block. A statement that is larger than a block is a group of its own. Statements with
    aligned columns share a group only with their neighbours: of an item that several claim, a mix takes the columns
    of the earliest, and it reads one block after the other.
    """
    groups: list[list[int]] = []
    unfilled: dict[Hashable, tuple[list[int], int]] = {}  # by kind: the group, and how many items are in it
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
    """Return the items of one group together; all of them have the same columns."""
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
    """The blocks that hold the items of some registrations."""

    #: The ids by which the blocks go, by the position of their first registration: `int64[b]`.
    blocks: Ids

    def __init__(self, registrations: RegistrationColumns, ids: Ids) -> None:
        """`ids`, `int64[n]`, ascend. `registrations` has the columns position, block, start, items and held."""
        self._registrations = registrations
        block = registrations["block"][ids]
        # within a block the ids ascend, as the items do
        self._order = np.argsort(registrations["position"][block], kind="stable")
        self._ids, block = ids[self._order], block[self._order]
        first = np.flatnonzero(np.diff(block, prepend=-1))
        self._ends = np.append(first, len(ids))
        self.blocks = block[first].astype(np.int64)
        self._held = registrations["held"][self.blocks].astype(np.int64)

    def runs(self) -> Iterator[slice]:
        """Yield slices of `blocks` that are read together: about 524,288 items, and at most 10,000 blocks."""
        group = np.maximum(np.cumsum(self._held) // _ITEMS_PER_READ, np.arange(len(self.blocks)) // _BLOCKS_PER_READ)
        first = np.flatnonzero(np.diff(group, prepend=-1))
        for start, end in pairwise([*first.tolist(), len(group)]):
            yield slice(start, end)

    def dense(self, run: slice) -> bool:
        """Return whether most items between the lowest and the highest id of a run's blocks are in these blocks."""
        low, high = int(self.blocks[run].min()), int(self.blocks[run].max())
        between: int = self._registrations["held"][low : high + 1].sum(dtype=np.int64)
        return run.stop - run.start > 1 and between <= 2 * int(self._held[run].sum())

    def rows(self, run: slice) -> Rows:
        """Return, for each item of a run's blocks, the row in `ids` of its registration; -1 for any other: `int32[m]`.

        The items come in the order of `blocks`, and within a block in the order in which they were written.
        """
        members = slice(self._ends[run.start], self._ends[run.stop])
        held, ids = self._held[run], self._ids[members]
        members_per_block = np.diff(self._ends[run.start : run.stop + 1])
        begin = np.repeat(np.cumsum(held) - held, members_per_block) + self._registrations["start"][ids]
        end = begin + self._registrations["items"][ids]
        # between two edges all items have one row: that of a registration, or -1 in a gap
        edges = np.column_stack([begin, end]).reshape(-1)
        row = np.full(len(edges) + 1, -1, dtype=np.int32)
        row[1::2] = self._order[members]
        return np.repeat(row, np.diff(edges, prepend=0, append=held.sum()))
