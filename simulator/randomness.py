"""Randomness is an argument: every stream is named by a seed, a purpose and a round."""

import hashlib

import numpy as np

_TAG = "firsthand randomness v1"


def generator(seed: int, purpose: str, round: int = 0) -> np.random.Generator:
    """The stream of random numbers for one purpose in one round of one seed.

    Streams of different names are independent: the first 128 bits of the SHA-256 of the tag, the three and their
    separators seed a PCG64. The bits of a stream are the same for ever and everywhere; what numpy makes of them
    (normals and the like) may change between its versions, which is why results record those.
    """
    name = f"{_TAG}\n{seed}\n{round}\n{purpose}".encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name).digest()[:16], "big")))
