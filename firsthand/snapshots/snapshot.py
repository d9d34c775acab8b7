"""A snapshot in memory, for look-ups without a network."""

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
from firsthand.snapshots import binary_fuse, shards, verdict_codes
from firsthand.snapshots import manifest as manifests
from firsthand.snapshots.binary_fuse import Codes, Table

#: The number of digests that are looked up together, so that the intermediate arrays fit in the processor's cache.
_PIECE = 2**13
#: Row numbers in the array with the parameters of each shard. Rows 0 to 3 are the four keys.
_WIDTH, _LENGTH, _START = 4, 5, 6


class Snapshot:
    """The verdicts of a registry at a position, in memory.

    A registered item always gets the same verdict as from the registry. An unregistered item gets the verdict unknown,
    with rare exceptions: at most 1 in 537 million with fingerprints of 28 bits, or 1 in 8,192 with 12 bits (see
    `false_verdicts`). Threads can use the same snapshot at the same time. Forked processes share its memory.
    """

    def __init__(self, manifest: Manifest, rows: npt.NDArray[np.uint64], table: Table) -> None:
        self.manifest = manifest
        self._rows, self._table = rows, table
        self._stored = [shard.codes for shard in manifest.shards]
        self._answered = verdict_codes.answered(self._stored)

    @classmethod
    def open(cls, folder: Path | str) -> "Snapshot":
        """Read the files of a snapshot, and compare each file with the manifest.

        Raises SnapshotError if a file is missing or damaged.
        """
        folder = Path(folder)
        loaded = manifests.load(folder)
        filters = [_read(folder, shard, loaded) for shard in range(shards.SHARDS)]
        starts = np.cumsum([0, *(len(filter.table) for filter in filters)])
        rows = [
            [*binary_fuse.keys_of(filter.seed), filter.shape.width, filter.shape.length, int(start)]
            for filter, start in zip(filters, starts[:-1], strict=True)
        ]
        return cls(loaded, np.array(rows, dtype=np.uint64).T.copy(), np.concatenate([f.table for f in filters]))

    @property
    def false_verdicts(self) -> float:
        """The probability that an unregistered item gets the verdict human, model or contested, instead of unknown."""
        return verdict_codes.false_verdicts(self.manifest.bits, self._stored)

    @property
    def false_humans(self) -> float:
        """The probability that an unregistered item gets the verdict human."""
        return verdict_codes.false_humans(self.manifest.bits, self._stored)

    def lookup(self, digests: Digests) -> tuple[Codes, Generations]:
        """Return the verdict and the generation of each digest, `uint8[n, 32]`.

        The verdict is `uint8[n]`, an index in `firsthand.core.verdicts.VERDICTS`: 0 unknown, 1 human, 2 model, 3
        contested. The generation is `int16[n]`: 0 for human; 1 or 2 for a model of this generation; 3 for a model of
        generation 3 or more; otherwise −1. With 12 bits, the verdict human is not certain: look these items up in the
        registry, as `firsthand check --confirm` does. Raises ValueError if `digests` has another shape or type.
        """
        verdicts = self.judge(digests)
        return verdicts.verdict, verdicts.generation

    def judge(self, digests: Digests) -> Verdicts:
        """Return the verdict, generation and lower bound of each digest: `uint8[n, 32]` → `[n]` each.

        Raises ValueError if `digests` has another shape or type.
        """
        if digests.dtype != np.uint8 or digests.ndim != 2 or digests.shape[1] != SIZE:
            raise ValueError(f"digests must be uint8[n, 32], not {digests.dtype}{list(digests.shape)}")
        payloads = np.empty(len(digests), dtype=np.uint8)
        for start in range(0, len(digests), _PIECE):
            payloads[start : start + _PIECE] = self._payloads(digests[start : start + _PIECE])
        return verdict_codes.decode(payloads)

    def answer(self, digests: Digests) -> Lookup:
        """Return the verdicts as `Client.lookup` does, but without the names of models. `digests` is `uint8[n, 32]`."""
        return lookup_result.without_models(self.judge(digests), self.manifest.policy, self.manifest.position)

    def _payloads(self, digests: Digests) -> Any:
        """Return the payload of each digest, or 0 for unknown.

        A payload counts only if the fingerprint matches, and if the shard stores this payload.
        """
        shard, rows = digests[:, 0], self._rows
        mixed = binary_fuse.hashes(digests, [rows[key].take(shard) for key in range(_WIDTH)])
        width, length, start = (rows[row].take(shard) for row in (_WIDTH, _LENGTH, _START))
        slots, prints = binary_fuse.slots_of(mixed, width, length, self.manifest.bits)
        value = np.zeros(len(digests), dtype=self._table.dtype)
        for slot in slots:
            slot += start
            value ^= self._table.take(slot.view(np.int64))
        matches = np.flatnonzero((value >> binary_fuse.PAYLOAD_BITS) == prints)
        payloads = (value[matches] & (2**binary_fuse.PAYLOAD_BITS - 1)).astype(np.uint16)
        answers = np.zeros(len(digests), dtype=np.uint8)
        answers[matches] = self._answered[(shard[matches].astype(np.uint16) << binary_fuse.PAYLOAD_BITS) | payloads]
        return answers


def _read(folder: Path, shard: int, manifest: Manifest) -> binary_fuse.Filter:
    name = shards.name(shard)
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        raise SnapshotError(f"{name} is missing in {folder}; download the snapshot again") from None
    manifests.check(content, shard, manifest, name)
    return shards.decode(content, shard, manifest.bits)
