"""The keyed order of a mix: a frozen contract, `firsthand mix v1`.

Items are ordered by `f(f(x₀ ⊕ k₀) ⊕ x₁ ⊕ k₁)`, ties by the whole digest, and the smallest are taken. f is splitmix64's
finalizer; x₀, x₁ are the first two big-endian 64-bit words of the digest, k₀, k₁ those of the key
SHA-256("firsthand mix v1" ‖ seed as 8 bytes, big-endian). Integers only: the same on every machine, for ever.
The test vectors are in tests/firsthand/core/test_selection.py.

A seed that is known before items are registered can be played with crafted digests; one that is chosen after the
position is fixed cannot.
"""

import hashlib
from fractions import Fraction
from math import floor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings

Keys: TypeAlias = npt.NDArray[np.uint64]

_TAG = b"firsthand mix v1"


def _finalize(x: Keys) -> Keys:
    """The finalizer of splitmix64 (Steele, Lea, Flood 2014; Stafford's variant 13), in place."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def keys(digests: Digests, seed: int) -> Keys:
    """The place of each digest in the order that a seed gives: `uint8[n, 32] → uint64[n]`."""
    words = np.ascontiguousarray(digests).view(">u8")
    key = np.frombuffer(hashlib.sha256(_TAG + seed.to_bytes(8, "big")).digest(), dtype=">u8").astype(np.uint64)
    place = words[:, 0].astype(np.uint64)
    place ^= key[0]
    place = _finalize(place)
    place ^= words[:, 1].astype(np.uint64)
    place ^= key[1]
    return _finalize(place)


def weighted(order: Keys, confidence: npt.NDArray[np.uint8]) -> Keys:
    """Keys for a draw weighted by confidence (Efraimidis and Spirakis 2006), again smallest first. `uint64[n]`.

    Each item's key is an exponential variate over its weight, E/w with E = −ln(1 − u), u = key/2⁶⁴: the same order as
    unweighted where all weights are equal. What has confidence 0 comes after all else, and is never to be taken.
    The logarithm is summed from +, × and ÷ alone, which IEEE 754 rounds alike everywhere; a library's log does not.
    """
    u = order.astype(np.float64) * 2.0**-64
    mantissa, exponent = np.frexp(1.0 - np.minimum(u, 1.0 - 2.0**-53))
    # −ln(1 − u) = −e·ln 2 − ln m, the second by 2·artanh((m − 1)/(m + 1)); for small u without the detour over 1 − u.
    small = u < 0.5
    s = np.where(small, -u / (2.0 - u), (mantissa - 1.0) / (mantissa + 1.0))
    square, term, total = s * s, s.copy(), s.copy()
    for odd in range(3, 61, 2):
        term = term * square
        total = total + term / float(odd)
    exponential = -2.0 * total - np.where(small, 0, exponent) * 0.6931471805599453
    weight = confidence.astype(np.float64)
    key = exponential / np.maximum(weight, 1.0)
    # Non-negative doubles order like the integers of their bits.
    return np.where(confidence == 0, np.uint64(2**64 - 1), key.view(np.uint64)).astype(np.uint64)


def order(digests: Digests, keys: Keys) -> npt.NDArray[np.intp]:
    """The permutation that sorts by key, ties by the whole digest."""
    permutation = np.argsort(keys, kind="stable")
    ordered = keys[permutation]
    if (ordered[1:] == ordered[:-1]).any():
        permutation = np.lexsort((as_strings(digests), keys))
    return permutation


def exact_share(share: float) -> Fraction:
    """The fraction that somebody meant who wrote a share as a decimal: 0.1 is 1/10, 0.8333333333333334 is 5/6."""
    return Fraction(repr(share)).limit_denominator(10**9)


def quotas(total: int, shares: list[Fraction]) -> list[int]:
    """Divide `total` by shares that sum to at most 1, by largest remainder, ties in list order.

    The quotas sum to the shares' part of `total`, rounded half up: to `total` itself where they sum to 1.
    """
    exact = [total * share for share in shares]
    floors = [int(q) for q in exact]
    left = floor(sum(exact) + Fraction(1, 2)) - sum(floors)
    by_remainder = sorted(range(len(shares)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_remainder[:left]:
        floors[i] += 1
    return floors
