"""Check whether the memory of the workers grows steadily during a run."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks.harness.workers_watch import MemorySample

#: The growth in bytes that is allowed, because the catalog needs memory for registered items, statements and keys.
ALLOWED_BYTES = 64 * 2**20
#: The share of a run, at its start, that is ignored: imports, the catalog, caches and stacks of threads need memory.
_WARM_UP = 1 / 4
_PARTS = 6
#: The growth is steady only if each part grows by at least this share of the average growth per part. One large body
#: causes growth in only one part.
_LEAST_RISE = 1 / 4


class MemoryGrowth(NamedTuple):
    """The median memory, in bytes, of six equal parts of a run, without its first quarter."""

    medians: tuple[float, ...]

    @property
    def steady(self) -> bool:
        """Whether the memory grew from every part to the next one, and in total by more than ALLOWED_BYTES."""
        rises = [after - before for before, after in pairwise(self.medians)]
        return sum(rises) > ALLOWED_BYTES and min(rises) >= _LEAST_RISE * sum(rises) / len(rises)

    def __str__(self) -> str:
        return " → ".join(f"{median / 1e6:,.0f}" for median in self.medians) + " MB"


def memory_growth(samples: Sequence[MemorySample]) -> MemoryGrowth:
    """Return the growth of the memory. `samples` are the samples of a run, sorted by time."""
    used = samples[int(len(samples) * _WARM_UP) :]
    if len(used) < _PARTS:
        return MemoryGrowth(tuple(float(sample.anonymous) for sample in used))
    size = len(used) // _PARTS
    parts = [used[number * size : (number + 1) * size] for number in range(_PARTS)]
    return MemoryGrowth(tuple(statistics.median(sample.anonymous for sample in part) for part in parts))
