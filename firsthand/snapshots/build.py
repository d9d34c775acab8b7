"""Write the files of a snapshot in limited memory: items are first collected on disk, then written shard by shard."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import SIZE, Digests, to_text
from firsthand.core.verdicts import UNKNOWN, VERDICTS, Verdicts
from firsthand.files import atomic
from firsthand.schemas.models import OriginCounts
from firsthand.schemas.snapshots import Shard
from firsthand.snapshots import binary_fuse, manifest, shards, verdict_codes
from firsthand.snapshots.binary_fuse import Codes
from firsthand.snapshots.manifest import Subject

_ROW = SIZE + 1


class ShardSpool:
    """A temporary file of digests and their payloads, from which each shard can be read."""

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 — the file is open as long as the spool
        self._runs: list[list[tuple[int, int]]] = [[] for _ in range(shards.SHARDS)]  # (offset, bytes)

    def add(self, digests: Digests, codes: Codes) -> None:
        order = np.argsort(digests[:, 0], kind="stable")
        rows = np.concatenate([digests[order], codes[order, None]], axis=1)
        ends = np.cumsum(np.bincount(digests[:, 0], minlength=shards.SHARDS)) * _ROW
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(rows.tobytes())
        for shard, (low, high) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
            if high > low:
                self._runs[shard].append((start + low, high - low))

    def read(self, shard: int) -> tuple[Digests, Codes]:
        """Return all items of a shard, in the order in which they were added."""
        self._file.flush()
        content = b"".join(os.pread(self._file.fileno(), size, offset) for offset, size in self._runs[shard])
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, _ROW)
        return np.ascontiguousarray(rows[:, :SIZE]), rows[:, SIZE]

    def close(self) -> None:
        self._file.close()


class SnapshotWriter:
    """A writer of a snapshot into a folder: call `add` for all items of the registry, in any order, then `finish`.

    The memory depends on the number of items in one `add`, and is about 250 bytes per item of the largest shard. An
    item that is added twice is stored once. If an item has two different verdicts, `finish` raises ValueError.
    """

    def __init__(self, folder: Path, subject: Subject) -> None:
        self._folder, self._subject = folder, subject
        self._spool = ShardSpool(folder)

    def __enter__(self) -> "SnapshotWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, digests: Digests, verdicts: Verdicts) -> None:
        """Add n items, `uint8[n, 32]`, with their verdicts. Items with the verdict unknown are ignored."""
        known = verdicts.verdict != UNKNOWN
        self._spool.add(digests[known], verdict_codes.encode(verdicts)[known])

    def finish(self, before_shard: Callable[[], None] = lambda: None) -> None:
        """Write all shards, then the manifest. Raises ValueError if an item has two different verdicts.

        `before_shard` is called before each shard. If it raises an exception, no more shards are written.
        """
        written, counted = [], np.zeros(2**binary_fuse.PAYLOAD_BITS, dtype=np.int64)
        for shard in range(shards.SHARDS):
            before_shard()
            digests, codes = binary_fuse.without_duplicates(*self._spool.read(shard))
            counted += np.bincount(codes, minlength=len(counted))
            content = shards.encode(binary_fuse.build(digests, codes, self._subject.bits), shard)
            atomic.write_bytes(self._folder / shards.name(shard), content, private=True)
            written.append(
                Shard(
                    items=len(digests),
                    codes=np.unique(codes).tolist(),
                    bytes=len(content),
                    digest=to_text(sha256(content).digest()),
                )
            )
        content = manifest.write(self._subject, _counts(counted), written)
        atomic.write_bytes(self._folder / manifest.FILE, content, private=True)


def _counts(counted: npt.NDArray[np.int64]) -> OriginCounts:
    """Convert the numbers of items per payload into counts by verdict and generation. Generation 3 means 3 or more."""
    decoded = verdict_codes.decode(np.arange(len(counted), dtype=np.uint8))
    by = {name: int(counted[decoded.verdict == code].sum()) for code, name in enumerate(VERDICTS)}
    made = (decoded.generation > 0) & (counted > 0)
    generations = {str(g): int(counted[decoded.generation == g].sum()) for g in np.unique(decoded.generation[made])}
    bounds = int(counted[decoded.lower_bound].sum())
    return OriginCounts(**by, generations=generations, lower_bounds=bounds)
