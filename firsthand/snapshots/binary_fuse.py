"""A binary fuse filter that stores a payload of four bits per digest, in about 18 or 36 bits, with numpy only.

The filter is a table of slots. Each digest has four slots, in neighbouring segments. The exclusive or of their values
is its fingerprint and its payload. A member always gets its own payload. A digest that is not a member gets a payload
only if its fingerprint matches by chance. Construction and segment sizes follow Graf and Lemire, "Binary Fuse Filters:
Fast and Smaller Than Xor Filters" (2022), section 3 and the reference code (4-wise). Payloads are stored in addition to
fingerprints, as in Dillinger et al., "Fast Succinct Retrieval and Approximate Membership Using Ribbon" (2022).

All arithmetic is on uint64 modulo 2⁶⁴, so the table is the same on every machine.
docs/reference/snapshot-format.md describes it step by step.
"""

import math
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import Digests, as_strings, sort_unique, to_text
from firsthand.core.splitmix64 import Words, finalize
from firsthand.schemas.snapshots import Bits

Codes: TypeAlias = npt.NDArray[np.uint8]
#: The slots of a table: `uint16` with fingerprints of 12 bits and payloads of 4 bits, or `uint32` with 28 and 4 bits.
Table: TypeAlias = npt.NDArray[Any]

PAYLOAD_BITS = 4
_ARITY = 4
_TAG = b"firsthand snapshot 2"
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)
_WORD = 2**64 - 1
#: The maximum number of seeds that are tried. Some seeds fail by chance. If all of these fail, the program has an
#: error.
_MOST_ATTEMPTS = 200
#: The minimum number of slots per segment, if there are items. With 16 slots, a digest can have at least 16⁴ different
#: sets of slots. With fewer sets, too many unregistered digests would have the same slots as a registered item, and
#: would get its payload.
_LEAST_LENGTH = 16


@dataclass(frozen=True)
class Shape:
    """The size of a table: `segments` + 3 segments of `length` slots each.

    The first slot of an item is never in the last three segments.
    """

    segments: int
    length: int

    @property
    def width(self) -> int:
        """The number of slots that can be the first slot of an item."""
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
    """Return the type of the slots in files (little-endian)."""
    return np.dtype("<u2" if bits == 12 else "<u4")


def keys_of(seed: int) -> list[int]:
    """Return the four keys of a seed: the first four outputs of splitmix64.

    `hashes` uses one key per word of a digest.
    """
    return [int(finalize(np.array([(seed + i * _GOLDEN) & _WORD], np.uint64))[0]) for i in range(1, 5)]


def hashes(digests: Digests, keys: Any) -> Words:
    """Hash all 32 bytes of each digest: `uint8[n, 32] → uint64[n]`. `keys` has four words, or four arrays `[n]`."""
    words = np.ascontiguousarray(digests).view("<u8")
    mixed = finalize(words[:, 0] ^ keys[0])
    for column in range(1, 4):
        mixed ^= words[:, column]
        mixed ^= keys[column]
        mixed = finalize(mixed)
    return mixed


def slots_of(mixed: Words, width: Any, length: Any, bits: Bits) -> tuple[list[Words], Words]:
    """Return the four slots and the fingerprint of each hash, `uint64[n]` each.

    `width` and `length` (see `Shape`) are numbers, or arrays `[n]` with the values for each hash.
    """
    mask = length - np.uint64(1)
    other = (mixed ^ (mixed >> np.uint64(32))) * _MIX
    first = ((mixed >> np.uint64(32)) * width) >> np.uint64(32)
    second = (first + length) ^ ((mixed >> np.uint64(18)) & mask)
    third = (first + length * np.uint64(2)) ^ (mixed & mask)
    fourth = (first + length * np.uint64(3)) ^ ((other >> np.uint64(8)) & mask)
    return [first, second, third, fourth], other >> np.uint64(64 - bits)


def build(digests: Digests, payloads: Codes, bits: Bits) -> Filter:
    """Build the filter of these digests, `uint8[n, 32]`, with their payloads, `uint8[n]` below 16.

    A digest can occur several times. Raises ValueError if a digest has different payloads. The seed is computed from
    the contents, so the same contents give the same filter. An attacker cannot register digests that collide, because
    the seed is not known before.
    """
    digests, payloads = without_duplicates(digests, payloads)
    contents = sha256(digests.tobytes() + payloads.tobytes()).digest()
    for attempt in range(_MOST_ATTEMPTS):
        seed = int.from_bytes(sha256(_TAG + contents + attempt.to_bytes(4, "little")).digest()[:8], "little")
        shape = _shape(len(digests), attempt)
        table = _solve(digests, payloads, bits, seed, shape)
        if table is not None:
            return Filter(bits, len(digests), seed, shape, table)
    raise AssertionError(f"{_MOST_ATTEMPTS} seeds failed in a row on {len(digests):,} digests")


def without_duplicates(digests: Digests, payloads: Codes) -> tuple[Digests, Codes]:
    """Return the sorted digests without duplicates, and their payloads.

    Raises ValueError if a digest has different payloads.
    """
    unique, rows = sort_unique(digests)
    kept = payloads[rows]
    if len(unique) < len(digests):
        again = kept[np.searchsorted(as_strings(unique), as_strings(digests))]
        for row in np.flatnonzero(again != payloads)[:1]:
            raise ValueError(f"{to_text(digests[row].tobytes())} has the payloads {again[row]} and {payloads[row]}")
    return unique, kept


def _shape(items: int, attempt: int) -> Shape:
    """Return the size of a table for `items` items. After every second seed that fails, the table is slightly larger.

    The length of a segment is that of Graf and Lemire for four slots. The first factor is 3 % below theirs: at 40,000
    items, 1 in 5 seeds fails. Trying another seed costs less than more slots in every copy of the snapshot. If there
    are no items, every digest is unknown, so the table is as small as possible.
    """
    if not items:
        return Shape(1, 1)
    at_least_two = max(items, 2)
    length = max(_LEAST_LENGTH, 2 ** min(18, max(0, int(math.log(at_least_two) / math.log(2.91) - 0.5))))
    factor = max(1.065, 0.74 + 0.305 * math.log(600_000) / math.log(at_least_two)) + 0.01 * (attempt // 2)
    return Shape(max(1, math.ceil(items * factor / length) - (_ARITY - 1)), length)


def _solve(digests: Digests, payloads: Codes, bits: Bits, seed: int, shape: Shape) -> Table | None:
    """Return a table for this seed.

    Return None if the seed fails, because some items share all their slots with others.
    """
    mixed = hashes(digests, [np.uint64(key) for key in keys_of(seed)])
    slots, prints = slots_of(mixed, np.uint64(shape.width), np.uint64(shape.length), bits)
    at = np.stack(slots).astype(np.intp)
    rounds = _peel(at, shape.slots)
    if rounds is None:
        return None
    type_ = slot_type(bits)
    values = ((prints << np.uint64(PAYLOAD_BITS)) | payloads).astype(type_)
    # Unused slots have pseudorandom bits. With zeros, digests that are not members would get payloads too often.
    table = finalize(np.uint64(seed) + np.arange(shape.slots, dtype=np.uint64) * np.uint64(_GOLDEN)).astype(type_)
    for items, own in reversed(rounds):
        table[own] ^= values[items] ^ np.bitwise_xor.reduce(table[at[:, items]], axis=0)
    return table


def _peel(at: npt.NDArray[np.intp], slots: int) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]] | None:
    """Return the rounds in which the items are removed. Return None if some items share all their slots with others.

    In each round, all items are removed that have a slot which no other remaining item uses. So the items of one round
    are independent, and their slots can be computed in one step. A round is a pair of arrays: the indices of its items,
    and this slot of each item. The next round examines only the slots that changed.
    """
    users = np.bincount(at.reshape(-1), minlength=slots)
    sums = np.zeros(slots, dtype=np.intp)  # for a slot with one user, the number of that item
    for row in at:
        np.bitwise_xor.at(sums, row, np.arange(at.shape[1]))
    rounds, remaining = [], at.shape[1]
    alone = np.flatnonzero(users == 1)
    while len(alone):
        items, first = np.unique(sums[alone], return_index=True)
        rounds.append((items, alone[first]))
        remaining -= len(items)
        touched = at[:, items].reshape(-1)
        np.subtract.at(users, touched, 1)
        np.bitwise_xor.at(sums, touched, np.tile(items, _ARITY))
        alone = touched[users[touched] == 1]
    return None if remaining else rounds
