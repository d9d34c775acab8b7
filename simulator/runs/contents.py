"""The items of a run by digest, and their true origin, which only `metrics/points.py` may read.

The registry stores no content, so a run stores its items itself. A batch is the human pool, the new human items of a
round, or the output of a round. Each batch has two files: its items `[n, C, d]` (n items, C chains, d dimensions) and
their digests `uint8[n, 32]`. The files are written once, and then memory-mapped.

A digest is the hash of a header (run, round, role, index) and the item's bytes. So two equal draws are two items. If
they were one item, the collapse would be hidden: 65,501 words drawn from a text have only 7,148 different contents. The
header also makes the digests of each run different, so a claim in one run never concerns an item of another run.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings, digest_bytes, stack
from firsthand.files import atomic
from simulator.families.base import Arrays, Items
from simulator.metrics.points import TrueOrigin

#: The maker of a batch: `human`; `model`; or, if a round has several models, `model-3` for the model of provider 3.
Role: TypeAlias = str
HUMAN: Role = "human"


_REFERENCE = "reference.npz"


class SortedDigests(NamedTuple):
    """A part of the digests of a run, in ascending order, and where the item of each digest is stored."""

    keys: npt.NDArray[np.bytes_]
    """`[m]`: the digests, as byte strings with 32 bytes"""
    rows: npt.NDArray[np.int64]
    """`[m, 2]`: for each digest, the number of the batch and the index of the item in the batch"""


def digests_of(items: Items, run: str, round: int, role: Role) -> Digests:
    """Return the digests of a batch of items: `items[n, C, d] → uint8[n, 32]`.

    A digest is the SHA-256 hash of a header (run, round, role, index) and the item's bytes in little-endian order.
    `run` is the id of the run, and `role` names the maker.
    """
    rows = np.ascontiguousarray(items, dtype=items.dtype.newbyteorder("<"))
    header = f"firsthand item v1\n{run}\n{round}\n{role}\n"
    return stack([digest_bytes(f"{header}{index}\n".encode() + row.tobytes()) for index, row in enumerate(rows)])


class Contents:
    """The items of a run, stored in a folder. They can be read by digest."""

    def __init__(self, folder: Path, run: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._run = folder, run
        self._batches: list[Items] = []
        self._origins: list[tuple[Role, int]] = []
        self._sorted: list[SortedDigests] = []  # all digests in parts; each part is at least twice as long as the next

    def put(self, role: Role, round: int, items: Items) -> Digests:
        """Save a batch: the items `[n, C, d]` of one maker in one round. Return their digests, `uint8[n, 32]`.

        `role` names the maker. If the same batch is saved again after a crash, nothing changes.
        """
        digests = digests_of(items, self._run, round, role)
        for name, array in (("items", items), ("digests", digests)):  # digests last, so a batch with them is complete
            with atomic.writing(self._path(role, round, name), sync=True) as file:
                np.save(file, array, allow_pickle=False)
        self.load(role, round)
        return digests

    def load(self, role: Role, round: int) -> None:
        """Load a saved batch as a memory map, so that its items can be read by digest.

        Raises FileNotFoundError if the batch was not saved.
        """
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
        """Return the items with these digests, `uint8[m, 32]`, in the order of the digests: `[m, C, d]`.

        Raises ValueError if a digest does not belong to an item of this run.
        """
        located = self._locate(digests)
        items = np.empty((len(digests), *self._batches[0].shape[1:]), dtype=self.dtype)
        for batch in np.unique(located[:, 0]):
            chosen = located[:, 0] == batch
            items[chosen] = self._batches[batch][located[chosen, 1]]
        return items

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of all items of the run: the data type of its first batch, which is human data."""
        return self._batches[0].dtype

    def without(self, digests: Digests, role: Role) -> Digests:
        """Return the digests `uint8[m, 32]`, without those of items that the maker `role` made.

        The order is kept. A provider can do this because it keeps a private log of its own output. Raises ValueError if
        a digest does not belong to an item of this run.
        """
        own = [batch for batch, (maker, _) in enumerate(self._origins) if maker == role]
        return digests[~np.isin(self._locate(digests)[:, 0], own)]

    def true_origin(self, digests: Digests) -> TrueOrigin:
        """Return the true origins of the items with these digests, `uint8[m, 32]`.

        A true origin is whether the item is human, and its round. Only `metrics.points` may call this method. Training
        code knows origins only from the registry. Raises ValueError if a digest does not belong to an item of this run.
        """
        batches = self._locate(digests)[:, 0]
        human = np.array([role == HUMAN for role, _ in self._origins])
        rounds = np.array([round for _, round in self._origins])
        return TrueOrigin(human[batches], rounds[batches])

    def digests(self, role: Role, round: int) -> Digests:
        """Return the digests of a saved batch, `uint8[n, 32]`, in the order of its items.

        Raises FileNotFoundError if the batch was not saved.
        """
        digests: Digests = np.load(self._path(role, round, "digests"))
        return digests

    def put_reference(self, arrays: Arrays) -> None:
        """Save the parameters of the run's first model: arrays by name."""
        with atomic.writing(self._folder / _REFERENCE, sync=True) as file:
            np.savez(file, allow_pickle=False, **arrays)

    def reference(self) -> Arrays:
        """Return the saved parameters of the run's first model: arrays by name.

        Raises FileNotFoundError if they were not saved.
        """
        with np.load(self._folder / _REFERENCE, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def _locate(self, digests: Digests) -> npt.NDArray[np.int64]:
        """Return the number of the batch and the row in it for each digest, `[m, 2]`.

        Raises ValueError if a digest does not belong to this run.
        """
        keys = as_strings(digests)
        located, missing = np.empty((len(keys), 2), dtype=np.int64), np.arange(len(keys))
        for part in reversed(self._sorted):
            at = np.minimum(np.searchsorted(part.keys, keys[missing]), len(part.keys) - 1)
            hit = part.keys[at] == keys[missing]
            located[missing[hit]], missing = part.rows[at[hit]], missing[~hit]
        if len(missing):
            raise ValueError(
                f"the registry selected {len(missing)} items that do not belong to this run; the first is "
                f"sha256:{digests[missing[0]].tobytes().hex()}. Another run or user may have written to the datasets "
                "of this run: start the run again in a new folder with a registry of its own"
            )
        return located

    def _path(self, role: Role, round: int, kind: str) -> Path:
        return self._folder / f"{role}-{round:04d}.{kind}.npy"


def _joined(part: SortedDigests, other: SortedDigests) -> SortedDigests:
    keys, rows = np.concatenate([part.keys, other.keys]), np.concatenate([part.rows, other.rows])
    return _in_order(SortedDigests(keys, rows))


def _in_order(part: SortedDigests) -> SortedDigests:
    order = np.argsort(part.keys, kind="stable")  # a stable sort is fast if the two joined parts are sorted
    return SortedDigests(part.keys[order], part.rows[order])
