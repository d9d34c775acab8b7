"""Where the items of registrations lie: in which blocks, and which of a block's items are whose. Pure."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from service.claims.catalog import Ids, View

#: Items that are read together; small blocks are joined up to this.
_READ = 2**19
_BLOCKS = 10_000

Rows = npt.NDArray[np.int32]


class Layout:
    """The blocks of some registrations. `blocks` are the ids by which they go, the earliest first: `int64[n]`.

    A block is as early as the first registration in it. Those with aligned columns lie one after the other, so theirs
    are met in the order of their positions; of others no order matters.
    """

    def __init__(self, view: View, ids: Ids) -> None:
        """`ids` ascend."""
        rows = self._registrations = view.registrations
        block = rows["block"][ids]
        self._order = np.argsort(rows["position"][block], kind="stable")  # within a block they ascend, as items do
        self._ids, block = ids[self._order], block[self._order]
        first = np.flatnonzero(np.diff(block, prepend=-1))
        self._ends = np.append(first, len(ids))
        self.blocks: Ids = block[first].astype(np.int64)
        self._held = rows["held"][self.blocks].astype(np.int64)

    def runs(self) -> Iterator[slice]:
        """Runs of `blocks` that hold about as many items as are read together, and at most 10,000 of them."""
        group = np.maximum(np.cumsum(self._held) // _READ, np.arange(len(self.blocks)) // _BLOCKS)
        first = np.flatnonzero(np.diff(group, prepend=-1))
        for start, end in pairwise([*first.tolist(), len(group)]):
            yield slice(start, end)

    def dense(self, run: slice) -> bool:
        """Whether most items between the lowest and the highest of a run's blocks are in them."""
        low, high = int(self.blocks[run].min()), int(self.blocks[run].max())
        between: int = self._registrations["held"][low : high + 1].sum(dtype=np.int64)
        return run.stop - run.start > 1 and between <= 2 * int(self._held[run].sum())

    def rows(self, run: slice) -> Rows:
        """Of a run's blocks, one after the other, the row in `ids` of each item, -1 for one of another registration."""
        asked = slice(self._ends[run.start], self._ends[run.stop])
        held, ids = self._held[run], self._ids[asked]
        each = np.diff(self._ends[run.start : run.stop + 1])
        begin = np.repeat(np.cumsum(held) - held, each) + self._registrations["start"][ids]
        end = begin + self._registrations["items"][ids]
        edges = np.column_stack([begin, end]).reshape(-1)
        row = np.full(len(edges) + 1, -1, dtype=np.int32)
        row[1::2] = self._order[asked]
        return np.repeat(row, np.diff(edges, prepend=0, append=held.sum()))
