"""A snapshot in memory: what a pipeline asks, without network."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import SIZE, Digests
from firsthand.core.verdicts import Generations, Verdicts
from firsthand.errors import SnapshotError
from firsthand.http import lookup_result
from firsthand.http.lookup_result import Lookup
from firsthand.schemas.snapshots import Snapshot as Manifest
from firsthand.snapshots import binary_fuse, manifest, shards, verdict_codes
from firsthand.snapshots.binary_fuse import Codes, Table

#: Digests that are looked up together: few enough for their intermediate arrays to stay in a processor's cache.
_PIECE = 2**13
#: What a look-up needs of a shard, in the columns of one array: four keys, then these.
_WIDTH, _LENGTH, _START = 4, 5, 6


class Snapshot:
    """The verdicts of a registry at a position, in a few bytes an item.

    Every item that the registry knows is answered as the registry answers, always. One that it does not know is
    answered unknown, but for one in 8,192 with fingerprints of 12 bits, one in 537 million with 28
    (`false_verdicts`). Threads may share a snapshot, and processes that are forked share its memory.
    """

    def __init__(self, known: Manifest, rows: npt.NDArray[np.uint64], table: Table) -> None:
        self.manifest = known
        self._rows, self._table = rows, table

    @classmethod
    def open(cls, folder: Path | str) -> "Snapshot":
        """Read a snapshot's files and compare each with the manifest. SnapshotError names the one that differs."""
        folder = Path(folder)
        known = manifest.load(folder)
        filters = [_read(folder, shard, known) for shard in range(shards.SHARDS)]
        starts = np.cumsum([0, *(len(filter.table) for filter in filters)])
        rows = [
            [*binary_fuse.keys_of(filter.seed), filter.shape.width, filter.shape.length, int(start)]
            for filter, start in zip(filters, starts[:-1], strict=True)
        ]
        return cls(known, np.array(rows, dtype=np.uint64).T.copy(), np.concatenate([f.table for f in filters]))

    @property
    def false_verdicts(self) -> float:
        """The probability that an item which nobody registered is given a verdict."""
        return verdict_codes.false_verdicts(self.manifest.bits)

    @property
    def false_humans(self) -> float:
        """The probability that it is given the verdict human."""
        return verdict_codes.false_humans(self.manifest.bits)

    def lookup(self, digests: Digests) -> tuple[Codes, Generations]:
        """`uint8[n, 32]` → (origin, generation).

        The origin is `uint8[n]`, a place in `firsthand.core.verdicts.VERDICTS`: 0 unknown, 1 human, 2 model, 3
        contested. The generation is `int16[n]`: 0 human, 1 and 2 model, 3 any above, −1 where there is none to tell.
        `human` out of 12 bits is no proof: ask the registry, as `firsthand check --confirm` does.
        """
        found = self.judge(digests)
        return found.verdict, found.generation

    def judge(self, digests: Digests) -> Verdicts:
        """The same with whether a generation is known only from below: `uint8[n, 32]` → verdicts `[n]`."""
        if digests.dtype != np.uint8 or digests.ndim != 2 or digests.shape[1] != SIZE:
            raise ValueError(f"digests are uint8[n, 32], and this is {digests.dtype}{list(digests.shape)}")
        found = np.empty(len(digests), dtype=np.uint8)
        for start in range(0, len(digests), _PIECE):
            found[start : start + _PIECE] = self._payloads(digests[start : start + _PIECE])
        return verdict_codes.decode(found)

    def answer(self, digests: Digests) -> Lookup:
        """The same as the answer of a registry; it names no models."""
        return lookup_result.nameless(self.judge(digests), self.manifest.policy, self.manifest.position)

    def _payloads(self, digests: Digests) -> Any:
        """What the slots of each digest amount to where its fingerprint fits, else 0."""
        shard, rows = digests[:, 0], self._rows
        mixed = binary_fuse.hashes(digests, [rows[place].take(shard) for place in range(_WIDTH)])
        width, length, start = (rows[place].take(shard) for place in (_WIDTH, _LENGTH, _START))
        slots, prints = binary_fuse.places(mixed, width, length, self.manifest.bits)
        value = np.zeros(len(digests), dtype=self._table.dtype)
        for slot in slots:
            slot += start
            value ^= self._table.take(slot.view(np.int64))
        fits = (value >> binary_fuse.PAYLOAD_BITS) == prints
        return np.where(fits, value & (2**binary_fuse.PAYLOAD_BITS - 1), 0)


def _read(folder: Path, shard: int, known: Manifest) -> binary_fuse.Filter:
    name = shards.name(shard)
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        raise SnapshotError(f"{name} is missing in {folder}; pull the snapshot again") from None
    manifest.check(content, shard, known, name)
    return shards.decode(content, shard, known.bits)
