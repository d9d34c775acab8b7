"""The filter under snapshots: every member, always; strangers as rarely as stated; the same table on every machine."""

from hashlib import sha256

import numpy as np
import pytest

from firsthand.core.digests import Digests, stack
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots import binary_fuse
from firsthand.snapshots.binary_fuse import Codes, Filter
from tests.factories import WORD, crafted, digests, finalizer, random_digests

BITS: tuple[Bits, ...] = (12, 28)


def random_codes(n: int, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 16, n, dtype=np.uint8)


def slots_of(filter: Filter, items: Digests) -> tuple[Codes, Codes]:
    """Whether each digest's fingerprint fits, and the payload that its slots amount to."""
    mixed = binary_fuse.hashes(items, [np.uint64(key) for key in binary_fuse.keys_of(filter.seed)])
    width, length = np.uint64(filter.shape.width), np.uint64(filter.shape.length)
    slots, prints = binary_fuse.slots_of(mixed, width, length, filter.bits)
    value = np.bitwise_xor.reduce(filter.table[np.stack(slots)], axis=0)
    return (value >> 4) == prints, (value & 15).astype(np.uint8)


def reference(filter: Filter, digest: bytes) -> int | None:
    """The contract of docs/reference/snapshot-format.md in integers without bounds.

    Returns a digest's payload, or None for a digest that was not stored.
    """
    h = 0
    for word in range(4):
        key = finalizer((filter.seed + (word + 1) * 0x9E3779B97F4A7C15) & WORD)
        h = finalizer(h ^ int.from_bytes(digest[8 * word : 8 * word + 8], "little") ^ key)
    g = ((h ^ (h >> 32)) * 0xD6E8FEB86659FD93) & WORD
    length = filter.shape.length
    first = (h >> 32) * filter.shape.segments * length >> 32
    slots = [first] + [(first + i * length) ^ (bits & (length - 1)) for i, bits in ((1, h >> 18), (2, h), (3, g >> 8))]
    value = 0
    for slot in slots:
        value ^= int(filter.table[slot])
    return value & 15 if value >> 4 == g >> (64 - filter.bits) else None


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 17, 100, 1_000, 40_000])
def test_every_member_is_found_with_its_payload(n: int, bits: Bits) -> None:
    members, codes = random_digests(n), random_codes(n)
    fits, payload = slots_of(binary_fuse.build(members, codes, bits), members)
    assert fits.all()
    assert (payload == codes).all()


@pytest.mark.parametrize("bits", BITS)
def test_digests_that_were_crafted_are_found_too(bits: Bits) -> None:
    members, codes = crafted(20_000), random_codes(20_000)
    fits, payload = slots_of(binary_fuse.build(members, codes, bits), members)
    assert fits.all()
    assert (payload == codes).all()


@pytest.mark.parametrize("bits", BITS)
def test_it_is_what_plain_integers_say(bits: Bits) -> None:
    members, codes = digests(range(50)), random_codes(50)
    filter = binary_fuse.build(members, codes, bits)
    assert [reference(filter, member.tobytes()) for member in members] == codes.tolist()
    strangers = digests(range(50, 3_000))
    fits, payload = slots_of(filter, strangers)
    payloads = [reference(filter, stranger.tobytes()) for stranger in strangers]
    assert payloads == [int(p) if fit else None for fit, p in zip(fits, payload, strict=True)]


@pytest.mark.slow
def test_strangers_fit_as_often_as_chance_lets_them_and_find_every_payload_alike() -> None:
    filter = binary_fuse.build(random_digests(30_000), np.ones(30_000, dtype=np.uint8), 12)
    n = 2_000_000
    fits, payload = slots_of(filter, random_digests(n, seed=1))
    expected = n / 2**12
    assert abs(fits.sum() - expected) < 3 * expected**0.5
    counts = np.bincount(payload[fits], minlength=16)
    chi_square = ((counts - expected / 16) ** 2 / (expected / 16)).sum()
    assert chi_square < 37.7  # 15 degrees of freedom, one in a thousand


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_in_small_filters_each_payload_matches_as_often_as_in_large_ones(n: int) -> None:
    """50 filters, so that a shape in which digests share the slots of a member would be noticed."""
    strangers, counts = random_digests(100_000, seed=1), np.zeros(16, dtype=np.int64)
    for seed in range(50):
        filter = binary_fuse.build(random_digests(n, seed=seed), np.full(n, 5, dtype=np.uint8), 12)
        fits, payload = slots_of(filter, strangers)
        counts += np.bincount(payload[fits], minlength=16)
    expected = 50 * 100_000 / 2**16
    assert ((counts - expected) ** 2 / expected).sum() < 37.7  # 15 degrees of freedom, one in a thousand


def test_a_digest_that_stands_twice_is_kept_once() -> None:
    members, codes = random_digests(500), random_codes(500)
    twice = binary_fuse.build(np.concatenate([members, members[::-1]]), np.concatenate([codes, codes[::-1]]), 12)
    once = binary_fuse.build(members, codes, 12)
    assert twice.items == once.items == 500
    assert (twice.table == once.table).all()


def test_a_digest_with_two_payloads_is_refused_by_name() -> None:
    members = random_digests(10)
    with pytest.raises(ValueError, match=f"sha256:{members[3].tobytes().hex()} has the payloads 1 and 2"):
        binary_fuse.build(np.concatenate([members, members[3:4]]), np.array([1] * 10 + [2], dtype=np.uint8), 12)


@pytest.mark.slow
def test_where_a_seed_fails_the_next_is_taken_and_all_are_found() -> None:
    """At 1,000 items about one seed in six leaves items that cannot be peeled off."""
    retried = 0
    for n in range(60):
        members, codes = binary_fuse.without_duplicates(random_digests(1_000, seed=n), random_codes(1_000, seed=n))
        contents = sha256(members.tobytes() + codes.tobytes()).digest()
        first = int.from_bytes(sha256(b"firsthand snapshot 2" + contents + bytes(4)).digest()[:8], "little")
        filter = binary_fuse.build(members, codes, 12)
        fits, payload = slots_of(filter, members)
        assert fits.all()
        assert (payload == codes).all()
        retried += filter.seed != first
    assert retried > 5


def test_the_order_of_members_changes_nothing() -> None:
    members, codes = random_digests(300), random_codes(300)
    shuffled = np.random.default_rng(3).permutation(300)
    first, other = binary_fuse.build(members, codes, 28), binary_fuse.build(members[shuffled], codes[shuffled], 28)
    assert (first.seed, first.shape) == (other.seed, other.shape)
    assert (first.table == other.table).all()


# Written down from this very code, whose look-ups the reference above repeats: seed, segments, length, SHA-256 of the
# table. Members are SHA-256("item i") for i under n, each with the payload i mod 16.
VECTORS = [
    (0, 12, 0x29293ABAF3CA153F, 1, 1, "0676bd7f52f79be847f648e99ca3fadd353edf4d1f2409700a23bf1b29438639"),
    (1, 12, 0x4A214DAB6307CF29, 1, 16, "0dc5d22d7feb2f24725b09c8e618be235bcb2dd3ccea3aacbe70685232332796"),
    (3, 28, 0xE46871543883EAEC, 1, 16, "d8ab44a8b0c35cd0c56b3ef4378480769d985285fe94f07ff479ddec25152aff"),
    (100, 12, 0xD9E8ACD52C712643, 8, 16, "efe79bafbd408437d16e570b70072675bbd6721126df972c4d9db8ddd614a7c3"),
    (1000, 12, 0xA3A512F71AF6D333, 39, 32, "a6776bf8dc033acb4bb2a3504689b0537c603508196471aa6fcc3b57fcf869cb"),
    (1000, 28, 0xA3A512F71AF6D333, 39, 32, "17d678b2a3a45ab5e5a7541d6ca3b21b8ba9adce541e08a3f624f8b350ba7abd"),
]


@pytest.mark.parametrize(("n", "bits", "seed", "segments", "length", "table"), VECTORS)
def test_the_same_members_give_the_table_that_was_written_down(
    n: int, bits: Bits, seed: int, segments: int, length: int, table: str
) -> None:
    filter = binary_fuse.build(digests(range(n)), (np.arange(n) % 16).astype(np.uint8), bits)
    assert (filter.seed, filter.shape.segments, filter.shape.length) == (seed, segments, length)
    assert sha256(filter.table.tobytes()).hexdigest() == table


def test_a_hash_takes_every_byte_of_a_digest() -> None:
    zero = np.zeros((1, 32), dtype=np.uint8)
    flipped = np.repeat(zero, 32, axis=0)
    flipped[np.arange(32), np.arange(32)] = 1
    keys = [np.uint64(key) for key in binary_fuse.keys_of(7)]
    assert len({int(h) for h in binary_fuse.hashes(stack([*map(bytes, zero), *map(bytes, flipped)]), keys)}) == 33
