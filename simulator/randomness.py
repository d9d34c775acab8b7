"""Random number generators, each named by a seed, a purpose and a round. No code uses a global generator."""

import hashlib

import numpy as np
import numpy.typing as npt

_TAG = "firsthand randomness v1"


def generator(seed: int, purpose: str, round: int = 0) -> np.random.Generator:
    """Return the stream of random numbers for one purpose, in one round of one seed.

    Streams with different names are independent: the first 128 bits of the SHA-256 of the name seed a PCG64. The bits
    of a stream never change. The numbers that numpy derives from the bits (for example normal variates) may change
    between versions of numpy, so results record the version.
    """
    name = f"{_TAG}\n{seed}\n{round}\n{purpose}".encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name).digest()[:16], "big")))


def shuffled_passes(rng: np.random.Generator, items: int, count: int) -> npt.NDArray[np.int64]:
    """Return `count` row numbers from 0 to items − 1: all rows in random order, then all in a new order, and so on.

    No row occurs a second time before every row has occurred once.
    """
    passes = -(-count // items)
    orders = [rng.permutation(items) for _ in range(passes)]
    return np.concatenate([np.empty(0, dtype=np.int64), *orders])[:count]
