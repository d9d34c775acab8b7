"""Where the items of a batch lie: small statements that say the same share a block. Pure.

A mix admits or passes over what says the same, so it reads such a block whole or not at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.claims.catalog import Ids
from service.registrations.batches import Draft
from service.registrations.rules import BLOCK, Columns

Pack = list[int]
"The numbers of the statements that share a block, in the order of their items."


@dataclass(frozen=True)
class Placement:
    """The statements of a batch, each with its id and the place of its items: `int64[n]`."""

    drafts: Sequence[Draft]
    packs: list[Pack]
    ids: Ids
    block: Ids
    "the id by which its blocks go"
    start: Ids

    def columns(self) -> tuple[list[int], list[int], list[int]]:
        """id, block and start of each."""
        return self.ids.tolist(), self.block.tolist(), self.start.tolist()

    def blocks(self) -> Iterator[tuple[Any, ...]]:
        """registration, number, digests, size, confidence."""
        for pack in self.packs:
            joined = _joined([self.drafts[number].items for number in pack])
            for number, block in enumerate(joined.blocks()):
                yield int(self.ids[pack[0]]), number, block["digests"], block["size"], block["confidence"]


def place(drafts: Sequence[Draft], ids: Ids) -> Placement:
    """Give each statement one of so many ascending ids: ascending within a block too."""
    packs = _packs(drafts)
    number = np.concatenate([np.array(pack) for pack in packs])
    each, block, start = (np.empty(len(drafts), dtype=np.int64) for _ in range(3))
    each[number] = ids
    block[number] = np.repeat([each[pack[0]] for pack in packs], [len(pack) for pack in packs])
    starts = (np.cumsum([0, *(len(drafts[n].items.digests) for n in pack[:-1])]) for pack in packs)
    start[number] = np.concatenate(list(starts))
    return Placement(drafts, packs, each, block, start)


def _packs(drafts: Sequence[Draft]) -> list[Pack]:
    """Those that say the same, up to a block each; what is larger lies alone, in as many blocks as it needs.

    Those with aligned columns share one only with their neighbours: of an item that several claim a mix takes the
    columns of the earliest, and reads blocks one after the other.
    """
    packs: list[Pack] = []
    open_: dict[Any, tuple[Pack, int]] = {}  # by what is said: the pack that is being filled, and its items
    before, run = None, 0
    for number, draft in enumerate(drafts):
        items = draft.items
        says = draft.said, draft.dataset, items.size is None, items.confidence is None
        run += says != before
        key = says, run if items.size is not None or items.confidence is not None else 0
        pack, held = open_.get(key, ([], BLOCK))
        if held + len(items.digests) > BLOCK:
            pack, held = [], 0
            packs.append(pack)
        pack.append(number)
        open_[key], before = (pack, held + len(items.digests)), says
    return packs


def _joined(items: Sequence[Columns]) -> Columns:
    def column(name: str) -> Any:
        given = [getattr(each, name) for each in items]
        return None if given[0] is None else np.concatenate(given)

    return items[0] if len(items) == 1 else Columns(column("digests"), column("size"), column("confidence"))
