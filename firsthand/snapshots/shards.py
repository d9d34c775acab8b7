"""The file of one shard: a header of 40 bytes, then the slots. All numbers are little-endian."""

import struct
from typing import Any

import numpy as np

from firsthand.errors import SnapshotError
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots.binary_fuse import Filter, Shape, slot_type

SHARDS = 256
_MAGIC = b"fhsnap2\n"
#: Magic, shard, bits per fingerprint, padding, items, seed, segments, slots per segment.
_HEADER = struct.Struct("<8sBB6xQQII")


def name(shard: int) -> str:
    """Return the file name of a shard. The number of the shard is the first byte of its digests."""
    return f"{shard:02x}.fuse"


def encode(filter: Filter, shard: int) -> bytes:
    """Return the bytes of the file of a shard."""
    shape = filter.shape
    head = _HEADER.pack(_MAGIC, shard, filter.bits, filter.items, filter.seed, shape.segments, shape.length)
    return head + filter.table.astype(slot_type(filter.bits)).tobytes()


def decode(content: bytes, shard: int, bits: Bits) -> Filter:
    """Parse the filter of a shard. Raises SnapshotError, with the file name, if this is not the file of the shard."""
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        raise SnapshotError(f"{name(shard)} is not a shard of a snapshot; download the snapshot again")
    _, stored, width, items, seed, segments, length = _HEADER.unpack_from(content)
    if (stored, width) != (shard, bits):
        raise SnapshotError(
            f"{name(shard)} holds shard {stored:02x} with fingerprints of {width} bits, but shard {shard:02x} with"
            f" fingerprints of {bits} bits was expected; download the snapshot again"
        )
    shape, type_ = Shape(segments, length), slot_type(bits)
    if not segments or length.bit_count() != 1 or len(content) != _HEADER.size + shape.slots * type_.itemsize:
        raise SnapshotError(
            f"{name(shard)} has {len(content):,} bytes, which does not match the number of slots in its header; "
            "download the snapshot again"
        )
    table: np.ndarray[Any, Any] = np.frombuffer(content, dtype=type_, offset=_HEADER.size)
    return Filter(bits, items, seed, shape, table)
