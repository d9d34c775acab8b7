"""The order in which a mix selects items: a frozen contract, `firsthand mix v1`.

Items are sorted by the key `f(f(x₀ ⊕ k₀) ⊕ x₁ ⊕ k₁)`; items with equal keys are sorted by the whole digest. The first
items are selected. f is the finalizer of splitmix64; x₀, x₁ are the first two big-endian 64-bit words of the digest;
k₀, k₁ are those of SHA-256("firsthand mix v1" ‖ seed as 8 bytes, big-endian). All arithmetic is on integers, so that
the result is the same on every machine. The test vectors are in tests/firsthand/core/test_selection.py.

If a seed is known before items are registered, an attacker can craft digests that are selected. Choose the seed after
the position is fixed.
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
    """Return sort keys for a selection that is weighted by confidence, `uint64[n]`. The smallest keys come first.

    Source: Efraimidis and Spirakis (2006). The key of an item is an exponential variate divided by its weight, E/w with
    E = −ln(1 − u) and u = key/2⁶⁴. With equal weights the order is that of the unweighted keys. Items with confidence 0
    come last; the caller must not select them. The logarithm is computed with +, × and ÷ only. IEEE 754 rounds these in
    the same way on every machine, but the results of a library's logarithm can differ.
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
    """Return the indices that sort n items by key, `intp[n]`. Items with equal keys are sorted by the whole digest."""
    permutation = np.argsort(keys, kind="stable")
    ordered = keys[permutation]
    if (ordered[1:] == ordered[:-1]).any():
        permutation = np.lexsort((as_strings(digests), keys))
    return permutation


def exact_share(share: float) -> Fraction:
    """Return the fraction that a rounded decimal number stands for: 1/10 for 0.1, 5/6 for 0.8333333333333334."""
    return Fraction(repr(share)).limit_denominator(10**9)


def quotas(total: int, shares: list[Fraction]) -> list[int]:
    """Return the number of items for each share of `total`, by the largest-remainder method (see `round_to_sum`).

    The shares must sum to at most 1. The results sum to `total` times the sum of the shares, rounded half up: to
    `total` if the shares sum to 1.
    """
    exact = [total * share for share in shares]
    return round_to_sum(exact, floor(sum(exact) + Fraction(1, 2)))
