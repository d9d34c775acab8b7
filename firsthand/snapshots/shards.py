"""One shard as a file: 40 bytes that say what it is, then its slots. All little-endian."""

import struct
from typing import Any

import numpy as np

from firsthand.errors import SnapshotError
from firsthand.snapshots.binary_fuse import Bits, Filter, Shape, slot_type

SHARDS = 256
_MAGIC = b"fhsnap1\n"
#: Magic, shard, bits of a fingerprint, nothing, items, seed, segments, slots a segment.
_HEADER = struct.Struct("<8sBB6xQQII")


def name(shard: int) -> str:
    """The file of a shard, by the first byte of its digests."""
    return f"{shard:02x}.fuse"


def encode(filter: Filter, shard: int) -> bytes:
    """The file's bytes."""
    shape = filter.shape
    head = _HEADER.pack(_MAGIC, shard, filter.bits, filter.items, filter.seed, shape.segments, shape.length)
    return head + filter.table.astype(slot_type(filter.bits)).tobytes()


def decode(content: bytes, shard: int, bits: Bits) -> Filter:
    """The filter in a file. Raises SnapshotError naming the file where it is not this shard of this form."""
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        raise SnapshotError(f"{name(shard)} is no shard of a snapshot of this form")
    _, said, width, items, seed, segments, length = _HEADER.unpack_from(content)
    if (said, width) != (shard, bits):
        raise SnapshotError(f"{name(shard)} says that it is shard {said:02x} with fingerprints of {width} bits")
    shape, type_ = Shape(segments, length), slot_type(bits)
    if not segments or length.bit_count() != 1 or len(content) != _HEADER.size + shape.slots * type_.itemsize:
        raise SnapshotError(f"{name(shard)} has {len(content):,} bytes, and its header says another number of slots")
    table: np.ndarray[Any, Any] = np.frombuffer(content, dtype=type_, offset=_HEADER.size)
    return Filter(bits, items, seed, shape, table)
