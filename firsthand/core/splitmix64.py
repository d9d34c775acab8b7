"""The finalizer of splitmix64, which mixes the bits of 64-bit words.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014), with the constants of Stafford's
variant 13. Mixes and snapshots use it. Both are frozen contracts, so its result must never change.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

#: 64-bit words, `uint64[n]`.
Words: TypeAlias = npt.NDArray[np.uint64]


def finalize(words: Words) -> Words:
    """Mix each word in place, and return the same array: `uint64[n] → uint64[n]`."""
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words
