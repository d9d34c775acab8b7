"""The selection contract `firsthand mix v1`: these vectors never change, for a mix is the same items for ever."""

import math
from collections.abc import Callable
from fractions import Fraction
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from firsthand.core import selection
from firsthand.core.digests import Digests, stack, to_bytes
from tests.factories import crafted, digests, finalizer

# Written down from `reference_key` below, which is the contract in plain integers: seed, digest, key.
VECTORS = [
    (0, "0000000000000000000000000000000000000000000000000000000000000000", 0xBB613DDE80297591),
    (0, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0x99274AD53687E3D8),
    (0, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0xED95F4B06BCF2089),
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0x2144FCE7D5F21235),
    (0, "bbb18ca53968dd7db05d025d3e0754831c76a9f5e87589c13edb85ee73570ad0", 0x4917FC9882E3B7BE),
    (1, "0000000000000000000000000000000000000000000000000000000000000000", 0x4A7A55B25673D552),
    (1, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0xCCF5276CB1B71A9A),
    (1, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0x860434651BD31D14),
    (1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0xFCD81513A340CE4D),
    (1, "bbb18ca53968dd7db05d025d3e0754831c76a9f5e87589c13edb85ee73570ad0", 0x3E08262DDF276DA6),
    (9007199254740991, "0000000000000000000000000000000000000000000000000000000000000000", 0xE4B475B6F08CA965),
    (9007199254740991, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0xCD3EBF3F4E17F13A),
    (9007199254740991, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0x8207EC5C188E920D),
    (9007199254740991, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0xFA8AAF80E9157697),
    (9007199254740991, "bbb18ca53968dd7db05d025d3e0754831c76a9f5e87589c13edb85ee73570ad0", 0x1E5B3FC3C0D0D308),
]

# Unweighted key, confidence, weighted key: the bits of −ln(1 − key/2⁶⁴)/confidence.
WEIGHTED_VECTORS = [
    (0, 1, 0x0000000000000000),
    (1, 1, 0x3BF0000000000000),
    (2**32, 1, 0x3DF0000000080000),
    (2**62, 1, 0x3FD269621134DB92),
    (2**63, 1, 0x3FE62E42FEFA39ED),
    (2**64 - 1, 1, 0x40425E4F7B2737FA),
    (2**62, 2, 0x3FC269621134DB92),
    (2**62, 128, 0x3F6269621134DB92),
    (2**62, 255, 0x3F527BDDEF23FF92),
    (2**63, 255, 0x3F6644878680BAA8),
    (2**62, 0, 0xFFFFFFFFFFFFFFFF),
]


def reference_key(digest: bytes, seed: int) -> int:
    """The contract, without numpy."""
    key = sha256(b"firsthand mix v1" + seed.to_bytes(8, "big")).digest()
    x0, x1 = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")
    k0, k1 = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:16], "big")
    return finalizer(finalizer(x0 ^ k0) ^ x1 ^ k1)


@pytest.mark.parametrize(("seed", "digest", "key"), VECTORS)
def test_the_keys_are_those_that_were_written_down(seed: int, digest: str, key: int) -> None:
    raw = bytes.fromhex(digest)
    assert reference_key(raw, seed) == key
    assert selection.keys(stack([raw]), seed).tolist() == [key]


@pytest.mark.slow
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20), st.integers(0, 2**53 - 1))
def test_keys_in_bulk_are_the_contract_in_plain_integers(raw: list[bytes], seed: int) -> None:
    assert selection.keys(stack(raw), seed).tolist() == [reference_key(digest, seed) for digest in raw]


@pytest.mark.parametrize(("key", "confidence", "weighted"), WEIGHTED_VECTORS)
def test_weighted_keys_are_those_that_were_written_down(key: int, confidence: int, weighted: int) -> None:
    got = selection.weighted(np.array([key], dtype=np.uint64), np.array([confidence], dtype=np.uint8))
    assert got.tolist() == [weighted]


@given(st.integers(0, 2**64 - 1), st.integers(1, 255))
def test_a_weighted_key_is_an_exponential_variate_over_the_weight(key: int, confidence: int) -> None:
    got = selection.weighted(np.array([key], dtype=np.uint64), np.array([confidence], dtype=np.uint8))
    u = min(key * 2.0**-64, 1 - 2.0**-53)
    assert got.view(np.float64)[0] == pytest.approx(-math.log1p(-u) / confidence, rel=1e-14, abs=0)


def test_equal_weights_draw_in_the_unweighted_order() -> None:
    keys = np.sort(selection.keys(digests(range(20_000)), 5))
    weighted = selection.weighted(keys, np.full(len(keys), 255, dtype=np.uint8))
    assert (np.diff(weighted.astype(object)) > 0).all()


def test_an_item_without_confidence_comes_after_all_else() -> None:
    keys = selection.keys(digests(range(1_000)), 5)
    confidence = np.ones(1_000, dtype=np.uint8)
    confidence[17] = 0
    assert selection.weighted(keys, confidence).argmax() == 17


# The seeds are fixed, so these tests always see the same draw: they fail for a changed contract, not by bad luck.
@pytest.mark.slow
@pytest.mark.parametrize("make", [digests, lambda numbers: crafted(len(numbers))], ids=["hashes", "crafted"])
def test_every_item_is_drawn_equally_often(make: Callable[[range], Digests]) -> None:
    pool = make(range(500))
    drawn = np.zeros(500, dtype=int)
    for seed in range(400):
        drawn[selection.order(pool, selection.keys(pool, seed))[:100]] += 1
    # Without replacement the counts vary less than a multinomial's: their variance is 1 − 100/500 of it.
    statistic = ((drawn - 80) ** 2 / 80).sum() / 0.8
    p = float(stats.chi2.sf(statistic, 499))
    print(f"\nchi-square {statistic:.0f} on 499 degrees of freedom, p = {p:.3f}")
    assert 0.001 < p < 0.999


@pytest.mark.slow
def test_keys_fill_their_range_evenly() -> None:
    keys = selection.keys(digests(range(50_000)), 11)
    counts = np.bincount((keys >> np.uint64(58)).astype(int), minlength=64)
    assert 0.001 < float(stats.chisquare(counts).pvalue) < 0.999


def test_seeds_draw_independently_of_each_other() -> None:
    pool = digests(range(2_000))
    first = {seed: set(selection.order(pool, selection.keys(pool, seed))[:200].tolist()) for seed in range(100)}
    shared = [len(first[a] & first[b]) for a in range(100) for b in range(a)]
    # Two independent draws of 200 out of 2,000 share 20 on average, with the variance of the hypergeometric law.
    expected = stats.hypergeom(2_000, 200, 200)
    z = (np.mean(shared) - expected.mean()) / (expected.std() / math.sqrt(len(shared)))
    print(f"\nshared by two seeds: {np.mean(shared):.3f}, expected {expected.mean():.3f}, z = {z:.2f}")
    assert abs(z) < 3
    assert np.var(shared) == pytest.approx(expected.var(), rel=0.1)


def test_neighbouring_seeds_give_unrelated_orders() -> None:
    pool = digests(range(5_000))
    first, next_one = selection.keys(pool, 1), selection.keys(pool, 2)
    assert abs(stats.spearmanr(first, next_one).statistic) < 0.05


@pytest.mark.slow
def test_a_weighted_draw_takes_items_in_proportion_to_their_confidence() -> None:
    """The first item of each draw is i with probability wᵢ / Σw (Efraimidis and Spirakis 2006)."""
    pool, confidence = digests(range(4)), np.array([1, 2, 3, 10], dtype=np.uint8)
    first = [int(selection.weighted(selection.keys(pool, seed), confidence).argmin()) for seed in range(4_000)]
    counts = np.bincount(first, minlength=4)
    expected = 4_000.0 * confidence / confidence.sum()
    p = float(stats.chisquare(counts, expected).pvalue)
    print(f"\ndrawn first {counts.tolist()}, expected {expected.tolist()}, p = {p:.3f}")
    assert p > 0.001


def test_ties_are_ordered_by_the_whole_digest() -> None:
    pool = crafted(300)
    tied = np.zeros(300, dtype=np.uint64)
    ordered = to_bytes(pool[selection.order(pool, tied)])
    assert ordered == sorted(to_bytes(pool))


@pytest.mark.slow
@given(st.integers(0, 10**6), st.lists(st.integers(1, 1_000), min_size=1, max_size=12))
def test_quotas_sum_to_the_total_and_stray_by_less_than_one(total: int, weights: list[int]) -> None:
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    quotas = selection.quotas(total, shares)
    assert sum(quotas) == total
    assert all(abs(quota - total * share) < 1 for quota, share in zip(quotas, shares, strict=True))


def test_of_equal_remainders_the_first_in_the_list_gets_the_item() -> None:
    assert selection.quotas(10, [Fraction(1, 4)] * 4) == [3, 3, 2, 2]
