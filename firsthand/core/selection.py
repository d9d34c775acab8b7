"""The order in which a mix selects items: a frozen contract, `firsthand mix v1`.

Items are sorted by `f(f(x₀ ⊕ k₀) ⊕ x₁ ⊕ k₁)`, equal keys by the whole digest, and the smallest are taken. f is the
finalizer of splitmix64; x₀, x₁ are the first two big-endian 64-bit words of the digest; k₀, k₁ are those of the key
SHA-256("firsthand mix v1" ‖ seed as 8 bytes, big-endian). All arithmetic is on integers, so that the result is the same
on every machine. The test vectors are in tests/firsthand/core/test_selection.py.

If a seed is known before items are registered, somebody can craft digests that are selected. Choose the seed after the
position is fixed.
"""

import hashlib
from fractions import Fraction
from math import floor
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings
from firsthand.core.largest_remainder import round_to_sum
from firsthand.core.splitmix64 import finalize

Keys: TypeAlias = npt.NDArray[np.uint64]

_TAG = b"firsthand mix v1"


def keys(digests: Digests, seed: int) -> Keys:
    """Return the sort key of each digest under a seed: `uint8[n, 32] → uint64[n]`."""
    words = np.ascontiguousarray(digests).view(">u8")
    key = np.frombuffer(hashlib.sha256(_TAG + seed.to_bytes(8, "big")).digest(), dtype=">u8").astype(np.uint64)
    mixed = words[:, 0].astype(np.uint64)
    mixed ^= key[0]
    mixed = finalize(mixed)
    mixed ^= words[:, 1].astype(np.uint64)
    mixed ^= key[1]
    return finalize(mixed)


def weighted(order: Keys, confidence: npt.NDArray[np.uint8]) -> Keys:
    """Return sort keys for a draw that is weighted by confidence, `uint64[n]`, smallest first.

    Source: Efraimidis and Spirakis (2006). The key of an item is an exponential variate divided by its weight, E/w with
    E = −ln(1 − u) and u = key/2⁶⁴. With equal weights the order is that of the unweighted keys. Items with confidence 0
    come last; the caller must not take them. The logarithm is computed with +, × and ÷ only, which IEEE 754 rounds in
    the same way on every machine; the log of a library does not.
    """
    u = order.astype(np.float64) * 2.0**-64
    mantissa, exponent = np.frexp(1.0 - np.minimum(u, 1.0 - 2.0**-53))
    # −ln(1 − u) = −e·ln 2 − ln m, and ln m = 2·artanh((m − 1)/(m + 1)); small u are used directly, without 1 − u.
    small = u < 0.5
    s = np.where(small, -u / (2.0 - u), (mantissa - 1.0) / (mantissa + 1.0))
    square, term, total = s * s, s.copy(), s.copy()
    for odd in range(3, 61, 2):
        term = term * square
        total = total + term / float(odd)
    exponential = -2.0 * total - np.where(small, 0, exponent) * 0.6931471805599453
    weight = confidence.astype(np.float64)
    key = exponential / np.maximum(weight, 1.0)
    # Non-negative doubles sort like the integers with the same bits.
    return np.where(confidence == 0, np.uint64(2**64 - 1), key.view(np.uint64)).astype(np.uint64)


def order(digests: Digests, keys: Keys) -> npt.NDArray[np.intp]:
    """Return the permutation that sorts by key, equal keys by the whole digest."""
    permutation = np.argsort(keys, kind="stable")
    ordered = keys[permutation]
    if (ordered[1:] == ordered[:-1]).any():
        permutation = np.lexsort((as_strings(digests), keys))
    return permutation


def exact_share(share: float) -> Fraction:
    """Return the simple fraction that a decimal stands for: 1/10 for 0.1, 5/6 for 0.8333333333333334."""
    return Fraction(repr(share)).limit_denominator(10**9)


def quotas(total: int, shares: list[Fraction]) -> list[int]:
    """Divide `total` by shares that sum to at most 1, by the largest remainder; of equal remainders the first wins.

    The quotas sum to `total` times the sum of the shares, rounded half up. If the shares sum to 1, they sum to `total`.
    """
    exact = [total * share for share in shares]
    return round_to_sum(exact, floor(sum(exact) + Fraction(1, 2)))
