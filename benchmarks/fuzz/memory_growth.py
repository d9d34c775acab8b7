"""Whether the memory of the workers grows steadily during a run."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks.harness.workers_watch import MemorySample

#: The growth, in bytes, that is not a fault: registered items, statements and keys take memory for the catalog.
ALLOWED_BYTES = 64 * 2**20
#: The part of a run that is not used: imports, the catalog, caches and the stacks of threads fill up.
_WARM_UP = 1 / 4
_PARTS = 6
#: The least rise from a part to the next, as a share of the average rise. One large body makes only one rise.
_LEAST_RISE = 1 / 4


class MemoryGrowth(NamedTuple):
    """The median memory, in bytes, of six equal parts of a run, after its first quarter."""

    medians: tuple[float, ...]

    @property
    def steady(self) -> bool:
        """Whether the memory grew from every part to the next, in total by more than ALLOWED_BYTES."""
        rises = [after - before for before, after in pairwise(self.medians)]
        return sum(rises) > ALLOWED_BYTES and min(rises) >= _LEAST_RISE * sum(rises) / len(rises)

    def __str__(self) -> str:
        return " → ".join(f"{median / 1e6:,.0f}" for median in self.medians) + " MB"


def memory_growth(samples: Sequence[MemorySample]) -> MemoryGrowth:
    """Return the growth of memory over the samples of a run, which are in the order of time."""
    used = samples[int(len(samples) * _WARM_UP) :]
    if len(used) < _PARTS:
        return MemoryGrowth(tuple(float(sample.anonymous) for sample in used))
    size = len(used) // _PARTS
    parts = [used[number * size : (number + 1) * size] for number in range(_PARTS)]
    return MemoryGrowth(tuple(statistics.median(sample.anonymous for sample in part) for part in parts))
