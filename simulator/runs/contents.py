"""The items of a run by digest, and their true origin, which only `metrics/points.py` may read.

The registry stores no content, so a run keeps its own items. Each batch (the human pool, a round's new human items, a
round's output) is two files: its items `[n, C, d]` and their digests. They are written once and memory-mapped.

A digest is the hash of a header (run, round, role, index) and the item's bytes. So equal draws stay different items
(65,501 words drawn from a text have 7,148 different contents: a set would hide the collapse), and the claims of a run
never concern the items of another run.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings, digest_bytes, stack
from firsthand.files import atomic
from simulator.families.base import Arrays, Items
from simulator.metrics.points import TrueOrigin

#: The maker of a batch: `human`, `model`, or one of several models of a round, `model-3`.
Role: TypeAlias = str
HUMAN: Role = "human"


_REFERENCE = "reference.npz"


class SortedDigests(NamedTuple):
    """Some of a run's digests in ascending order, with the batch and the row of each."""

    keys: npt.NDArray[np.bytes_]
    rows: npt.NDArray[np.int64]
    """`[m, 2]`: batch and row"""


def digests_of(items: Items, run: str, round: int, role: Role) -> Digests:
    """Return the SHA-256 of a header and each item's bytes (little-endian): `[n, C, d] → uint8[n, 32]`."""
    rows = np.ascontiguousarray(items, dtype=items.dtype.newbyteorder("<"))
    header = f"firsthand item v1\n{run}\n{round}\n{role}\n"
    return stack([digest_bytes(f"{header}{index}\n".encode() + row.tobytes()) for index, row in enumerate(rows)])


class Contents:
    """A run's items by digest, in a folder of its own."""

    def __init__(self, folder: Path, run: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._run = folder, run
        self._batches: list[Items] = []
        self._origins: list[tuple[Role, int]] = []
        self._sorted: list[SortedDigests] = []  # all digests, in parts; each is at least twice as large as the next

    def put(self, role: Role, round: int, items: Items) -> Digests:
        """Save a batch and return its digests, `uint8[n, 32]`. To save it again after a crash changes nothing."""
        digests = digests_of(items, self._run, round, role)
        for name, array in (("items", items), ("digests", digests)):  # digests last: a batch with digests is complete
            with atomic.writing(self._path(role, round, name), sync=True) as file:
                np.save(file, array, allow_pickle=False)
        self.load(role, round)
        return digests

    def load(self, role: Role, round: int) -> None:
        """Map a batch that was saved earlier. Raises FileNotFoundError."""
        if (role, round) in self._origins:
            return
        strings = as_strings(self.digests(role, round))
        rows = np.stack([np.full(len(strings), len(self._batches)), np.arange(len(strings))], axis=1)
        part = _in_order(SortedDigests(strings, rows))
        while self._sorted and len(self._sorted[-1].keys) < 2 * len(part.keys):
            part = _joined(self._sorted.pop(), part)
        self._sorted.append(part)
        self._batches.append(np.load(self._path(role, round, "items"), mmap_mode="r"))
        self._origins.append((role, round))

    def items(self, digests: Digests) -> Items:
        """Return the items `[m, C, d]` of digests `uint8[m, 32]`, in their order.

        Raises ValueError for unknown ones.
        """
        located = self._locate(digests)
        items = np.empty((len(digests), *self._batches[0].shape[1:]), dtype=self.dtype)
        for batch in np.unique(located[:, 0]):
            chosen = located[:, 0] == batch
            items[chosen] = self._batches[batch][located[chosen, 1]]
        return items

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all items: that of the first batch, the human data."""
        return self._batches[0].dtype

    def without(self, digests: Digests, role: Role) -> Digests:
        """Return the digests among `uint8[m, 32]` whose items this role did not make: its private log knows which."""
        own = [batch for batch, (maker, _) in enumerate(self._origins) if maker == role]
        return digests[~np.isin(self._locate(digests)[:, 0], own)]

    def true_origin(self, digests: Digests) -> TrueOrigin:
        """Return the true origins. Only `metrics.points` may call this: training code asks the registry."""
        batches = self._locate(digests)[:, 0]
        human = np.array([role == HUMAN for role, _ in self._origins])
        rounds = np.array([round for _, round in self._origins])
        return TrueOrigin(human[batches], rounds[batches])

    def digests(self, role: Role, round: int) -> Digests:
        """Return the digests of a batch that was saved earlier, in its order."""
        digests: Digests = np.load(self._path(role, round, "digests"))
        return digests

    def put_reference(self, arrays: Arrays) -> None:
        """Save the run's first model."""
        with atomic.writing(self._folder / _REFERENCE, sync=True) as file:
            np.savez(file, allow_pickle=False, **arrays)

    def reference(self) -> Arrays:
        """Return the run's first model. Raises FileNotFoundError."""
        with np.load(self._folder / _REFERENCE, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def _locate(self, digests: Digests) -> npt.NDArray[np.int64]:
        """Return batch and row of each digest, `[m, 2]`. Raises ValueError for unknown ones."""
        keys = as_strings(digests)
        located, missing = np.empty((len(keys), 2), dtype=np.int64), np.arange(len(keys))
        for part in reversed(self._sorted):
            at = np.minimum(np.searchsorted(part.keys, keys[missing]), len(part.keys) - 1)
            hit = part.keys[at] == keys[missing]
            located[missing[hit]], missing = part.rows[at[hit]], missing[~hit]
        if len(missing):
            raise ValueError(
                f"the registry selected {len(missing)} items that are not of this run, the first is "
                f"sha256:{digests[missing[0]].tobytes().hex()}. Another run or user may have written to its datasets: "
                "start the run again in a new folder with a registry of its own"
            )
        return located

    def _path(self, role: Role, round: int, kind: str) -> Path:
        return self._folder / f"{role}-{round:04d}.{kind}.npy"


def _joined(part: SortedDigests, other: SortedDigests) -> SortedDigests:
    keys, rows = np.concatenate([part.keys, other.keys]), np.concatenate([part.rows, other.rows])
    return _in_order(SortedDigests(keys, rows))


def _in_order(part: SortedDigests) -> SortedDigests:
    order = np.argsort(part.keys, kind="stable")  # fast if the joined parts are in order
    return SortedDigests(part.keys[order], part.rows[order])
