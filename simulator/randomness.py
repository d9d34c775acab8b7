"""Random number generators. A seed, a purpose and a round select each one. No code uses a global generator."""

import hashlib

import numpy as np
import numpy.typing as npt

_TAG = "firsthand randomness v1"


def generator(seed: int, purpose: str, round: int = 0) -> np.random.Generator:
    """Return the random number generator for one purpose, in one round of a run with this seed.

    Generators with different arguments are independent: the first 128 bits of the SHA-256 hash of the arguments seed a
    PCG64 generator. Its random bits never change. The numbers that numpy derives from the bits (for example normal
    variates) may change between versions of numpy, so results record the version.
    """
    name = f"{_TAG}\n{seed}\n{round}\n{purpose}".encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name).digest()[:16], "big")))


def shuffled_passes(rng: np.random.Generator, items: int, count: int) -> npt.NDArray[np.int64]:
    """Return `count` indices from 0 to `items` − 1: all indices in random order, then all in a new order, and so on.

    The last pass is incomplete if `count` is not a multiple of `items`.
    """
    passes = -(-count // items)
    orders = [rng.permutation(items) for _ in range(passes)]
    return np.concatenate([np.empty(0, dtype=np.int64), *orders])[:count]
