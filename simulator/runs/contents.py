"""Digest → content, and the true origin that nobody but metrics/points.py may read.

The registry holds no content; a run keeps its own items here. Each batch of items (the human pool, a round's new human
items, a round's output) is two files, its items `[n, C, d]` and their digests, written once and memory-mapped back.

A digest hashes a header that names the run, the round, the role and the index before the item's bytes. So equal draws
stay distinct items (65,501 words drawn from a text have 7,148 distinct contents: sets would hide the collapse), and no
run's claims touch another's.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings, digest_bytes, stack
from simulator.families.base import Arrays, Items
from simulator.runs.atomic_files import write_array, write_arrays

#: Who made a batch of items: `human`, `model`, or one of several models of a round, `model-3`.
Role: TypeAlias = str
HUMAN: Role = "human"


_REFERENCE = "reference.npz"


class Origin(NamedTuple):
    """Where m items truly come from. Both arrays are `[m]`."""

    human: npt.NDArray[np.bool_]
    round: npt.NDArray[np.int64]  # the round in which each was made, or came in


class Sorted(NamedTuple):
    """Some of a run's digests, ascending, and the batch and row of each."""

    keys: npt.NDArray[np.bytes_]
    places: npt.NDArray[np.int64]  # [m, 2]


def digests_of(items: Items, run: str, round: int, role: Role) -> Digests:
    """SHA-256 of a header and the item's bytes, little-endian: `[n, C, d] → uint8[n, 32]`."""
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
        self._sorted: list[Sorted] = []  # every digest, in parts of which each is twice as large as the next, or more

    def put(self, role: Role, round: int, items: Items) -> Digests:
        """Keep a batch and return its digests, `uint8[n, 32]`. Putting it again, after a crash, changes nothing."""
        digests = digests_of(items, self._run, round, role)
        write_array(self._path(role, round, "items"), items)
        write_array(self._path(role, round, "digests"), digests)  # last: a batch with digests is whole
        self.load(role, round)
        return digests

    def load(self, role: Role, round: int) -> None:
        """Map a batch that was put earlier. Raises FileNotFoundError."""
        if (role, round) in self._origins:
            return
        strings = as_strings(self.digests(role, round))
        places = np.stack([np.full(len(strings), len(self._batches)), np.arange(len(strings))], axis=1)
        part = _in_order(Sorted(strings, places))
        while self._sorted and len(self._sorted[-1].keys) < 2 * len(part.keys):
            part = _joined(self._sorted.pop(), part)
        self._sorted.append(part)
        self._batches.append(np.load(self._path(role, round, "items"), mmap_mode="r"))
        self._origins.append((role, round))

    def items(self, digests: Digests) -> Items:
        """The items `[m, C, d]` of digests `uint8[m, 32]`, in their order. Raises ValueError for one never put."""
        places = self._find(digests)
        items = np.empty((len(digests), *self._batches[0].shape[1:]), dtype=self.dtype)
        for batch in np.unique(places[:, 0]):
            rows = places[:, 0] == batch
            items[rows] = self._batches[batch][places[rows, 1]]
        return items

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all items: that of the first batch, the human data."""
        return self._batches[0].dtype

    def without(self, digests: Digests, role: Role) -> Digests:
        """Those of `uint8[m, 32]` that this role has not made: what whoever made them knows by its own log."""
        own = [place for place, (maker, _) in enumerate(self._origins) if maker == role]
        return digests[~np.isin(self._find(digests)[:, 0], own)]

    def true_origin(self, digests: Digests) -> Origin:
        """The true origins. Only `metrics.points` may call this: training code learns origins from the registry."""
        batches = self._find(digests)[:, 0]
        human = np.array([role == HUMAN for role, _ in self._origins])
        rounds = np.array([round for _, round in self._origins])
        return Origin(human[batches], rounds[batches])

    def digests(self, role: Role, round: int) -> Digests:
        """The digests of a batch that was put earlier, in its order."""
        found: Digests = np.load(self._path(role, round, "digests"))
        return found

    def put_reference(self, arrays: Arrays) -> None:
        """Keep the run's first model."""
        write_arrays(self._folder / _REFERENCE, arrays)

    def reference(self) -> Arrays:
        """The run's first model. Raises FileNotFoundError."""
        with np.load(self._folder / _REFERENCE, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}

    def _find(self, digests: Digests) -> npt.NDArray[np.int64]:
        """Batch and row of each digest, `[m, 2]`."""
        wanted = as_strings(digests)
        places, left = np.empty((len(wanted), 2), dtype=np.int64), np.arange(len(wanted))
        for part in reversed(self._sorted):
            at = np.minimum(np.searchsorted(part.keys, wanted[left]), len(part.keys) - 1)
            found = part.keys[at] == wanted[left]
            places[left[found]], left = part.places[at[found]], left[~found]
        if len(left):
            raise ValueError(
                f"the registry gave {len(left)} items that this run never made, the first of them "
                f"sha256:{digests[left[0]].tobytes().hex()}: does another run write to its datasets?"
            )
        return places

    def _path(self, role: Role, round: int, what: str) -> Path:
        return self._folder / f"{role}-{round:04d}.{what}.npy"


def _joined(one: Sorted, other: Sorted) -> Sorted:
    keys, places = np.concatenate([one.keys, other.keys]), np.concatenate([one.places, other.places])
    return _in_order(Sorted(keys, places))


def _in_order(part: Sorted) -> Sorted:
    order = np.argsort(part.keys, kind="stable")  # quick where the parts of it are in order
    return Sorted(part.keys[order], part.places[order])
