"""A binary fuse filter that retrieves: digests, each with four bits, in about 18 or 36 bits a digest. Pure numpy.

A table of slots; each digest has four, in neighbouring segments, and the exclusive or of the four is its fingerprint
and its payload. Every member is answered its own payload, always; a stranger is taken for a member where its
fingerprint fits by chance. Construction and the sizes of segments follow Graf and Lemire, "Binary Fuse Filters: Fast
and Smaller Than Xor Filters" (2022), section 3 and its reference code (4-wise); storing values in place of fingerprints
alone is retrieval as in Dillinger et al., "Fast Succinct Retrieval and Approximate Membership Using Ribbon" (2022).

Everything is uint64 arithmetic modulo 2⁶⁴: the same table on every machine. docs/snapshots.md has it step by step.
"""

import math
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings, sort_unique, to_text

Bits = Literal[12, 28]
Codes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint64]
#: `uint16` slots of a fingerprint of 12 bits and four of payload, or `uint32` of 28 and four.
Table: TypeAlias = npt.NDArray[Any]

PAYLOAD_BITS = 4
_ARITY = 4
_TAG = b"firsthand snapshot 1"
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)
_WORD = 2**64 - 1
#: Seeds are tried without end in theory; so many failing in a row means that it is not the seeds.
_MOST_ATTEMPTS = 200


@dataclass(frozen=True)
class Shape:
    """A table's slots: `segments` in which the first of an item's slots may lie, and three more, of `length` slots."""

    segments: int
    length: int

    @property
    def width(self) -> int:
        """Slots that may be an item's first."""
        return self.segments * self.length

    @property
    def slots(self) -> int:
        return (self.segments + _ARITY - 1) * self.length


@dataclass(frozen=True, eq=False)
class Filter:
    """A built filter over `items` digests."""

    bits: Bits
    items: int
    seed: int
    shape: Shape
    table: Table


def slot_type(bits: Bits) -> np.dtype[Any]:
    """Little-endian, as slots stand in files."""
    return np.dtype("<u2" if bits == 12 else "<u4")


def keys_of(seed: int) -> list[int]:
    """The four keys of a seed, one for each word of a digest: the stream of splitmix64."""
    return [int(_finalize(np.array([(seed + i * _GOLDEN) & _WORD], np.uint64))[0]) for i in range(1, 5)]


def hashes(digests: Digests, keys: Any) -> Words:
    """64 bits of all 32 bytes: `uint8[n, 32] → uint64[n]`. `keys` are four words, or four arrays `[n]`."""
    words = np.ascontiguousarray(digests).view("<u8")
    mixed = _finalize(words[:, 0] ^ keys[0])
    for place in range(1, 4):
        mixed ^= words[:, place]
        mixed ^= keys[place]
        mixed = _finalize(mixed)
    return mixed


def places(mixed: Words, width: Any, length: Any, bits: Bits) -> tuple[list[Words], Words]:
    """The four slots of each hash, and its fingerprint. `width` and `length` are words, or arrays `[n]`."""
    mask = length - np.uint64(1)
    other = (mixed ^ (mixed >> np.uint64(32))) * _MIX
    first = ((mixed >> np.uint64(32)) * width) >> np.uint64(32)
    second = (first + length) ^ ((mixed >> np.uint64(18)) & mask)
    third = (first + length * np.uint64(2)) ^ (mixed & mask)
    fourth = (first + length * np.uint64(3)) ^ ((other >> np.uint64(8)) & mask)
    return [first, second, third, fourth], other >> np.uint64(64 - bits)


def build(digests: Digests, payloads: Codes, bits: Bits) -> Filter:
    """The filter of these digests, `uint8[n, 32]`, each with its payload, `uint8[n]` below 16.

    A digest may stand twice, with one payload: ValueError where it has two. The seed follows from the contents, so
    the same contents give the same filter, and who registers digests cannot choose them to collide under it.
    """
    digests, payloads = once(digests, payloads)
    contents = sha256(digests.tobytes() + payloads.tobytes()).digest()
    for attempt in range(_MOST_ATTEMPTS):
        seed = int.from_bytes(sha256(_TAG + contents + attempt.to_bytes(4, "little")).digest()[:8], "little")
        shape = _shape(len(digests), attempt)
        table = _solve(digests, payloads, bits, seed, shape)
        if table is not None:
            return Filter(bits, len(digests), seed, shape, table)
    raise AssertionError(f"{_MOST_ATTEMPTS} seeds failed in a row on {len(digests):,} digests")


def once(digests: Digests, payloads: Codes) -> tuple[Digests, Codes]:
    """Sorted by digest, each kept once. ValueError where one has two payloads."""
    unique, rows = sort_unique(digests)
    kept = payloads[rows]
    if len(unique) < len(digests):
        again = kept[np.searchsorted(as_strings(unique), as_strings(digests))]
        for row in np.flatnonzero(again != payloads)[:1]:
            raise ValueError(f"{to_text(digests[row].tobytes())} has the payloads {again[row]} and {payloads[row]}")
    return unique, kept


def _shape(items: int, attempt: int) -> Shape:
    """Slots for so many items; a little more after every second seed that failed.

    The length is Graf and Lemire's for four slots. The first factor is 3 % under theirs: it fails for one seed in
    five at 40,000 items, which costs less than slots that every reader keeps.
    """
    few = max(items, 2)
    length = 2 ** max(0 if items < 4 else 2, min(18, int(math.log(few) / math.log(2.91) - 0.5)))
    factor = max(1.065, 0.74 + 0.305 * math.log(600_000) / math.log(few)) + 0.01 * (attempt // 2)
    return Shape(max(1, math.ceil(items * factor / length) - (_ARITY - 1)), length)


def _solve(digests: Digests, payloads: Codes, bits: Bits, seed: int, shape: Shape) -> Table | None:
    """A table under this seed, or None where the items cannot be peeled off one by one."""
    mixed = hashes(digests, [np.uint64(key) for key in keys_of(seed)])
    slots, prints = places(mixed, np.uint64(shape.width), np.uint64(shape.length), bits)
    at = np.stack(slots).astype(np.intp)
    rounds = _peel(at, shape.slots)
    if rounds is None:
        return None
    type_ = slot_type(bits)
    values = ((prints << np.uint64(PAYLOAD_BITS)) | payloads).astype(type_)
    # slots that nobody needs are filled too: over zeros, a stranger would find the members' payloads too often
    table = _finalize(np.uint64(seed) + np.arange(shape.slots, dtype=np.uint64) * np.uint64(_GOLDEN)).astype(type_)
    for items, own in reversed(rounds):
        table[own] ^= values[items] ^ np.bitwise_xor.reduce(table[at[:, items]], axis=0)
    return table


def _peel(at: npt.NDArray[np.intp], slots: int) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]] | None:
    """Rounds of (items, the slot that each alone still uses), or None where a rest is left that shares every slot.

    All items that have a slot to themselves go at once. None of them uses the slot of another, so that a round is
    solved in one step, and each round looks at the slots alone that the one before has touched.
    """
    users = np.bincount(at.reshape(-1), minlength=slots)
    sums = np.zeros(slots, dtype=np.intp)  # of a slot with one user: who it is
    for row in at:
        np.bitwise_xor.at(sums, row, np.arange(at.shape[1]))
    rounds, left = [], at.shape[1]
    alone = np.flatnonzero(users == 1)
    while len(alone):
        items, first = np.unique(sums[alone], return_index=True)
        rounds.append((items, alone[first]))
        left -= len(items)
        touched = at[:, items].reshape(-1)
        np.subtract.at(users, touched, 1)
        np.bitwise_xor.at(sums, touched, np.tile(items, _ARITY))
        alone = touched[users[touched] == 1]
    return None if left else rounds


def _finalize(x: Words) -> Words:
    """The finalizer of splitmix64 (Steele, Lea, Flood 2014; Stafford's variant 13)."""
    x = x ^ (x >> np.uint64(30))
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x
