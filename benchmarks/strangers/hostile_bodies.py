"""Bodies that need much more work of a parser than of the sender."""

import numpy as np

from benchmarks.fuzz.arrow_bodies import arrow_streams, parquet_file
from benchmarks.fuzz.mutations import mutate

#: The sizes of the largest JSON body and the largest bulk body under the default settings, in bytes.
JSON_BYTES, BULK_BYTES = 10 * 2**20, 64 * 2**20

_VARINT_MOST = b"\xff\xff\xff\xff\x0f"
_VARIANTS = 200


def forged_parquet(random: np.random.Generator) -> list[bytes]:
    """Return Parquet files with a footer that states very large sizes: of the footer, and of each of its fields.

    The format of the footer is Thrift, whose sizes are integers of variable length. A parser that trusts them allocates
    this memory.
    """
    file = parquet_file(random)
    length = int.from_bytes(file[-8:-4], "little")
    start = len(file) - 8 - length
    forged = [file[:-8] + size.to_bytes(4, "little") + b"PAR1" for size in (0, 1, 2**31 - 1, 2**32 - 1)]
    for index in random.choice(length, min(length, _VARIANTS), replace=False):
        footer = bytearray(file[start:-8])
        footer[index : index + 1] = _VARINT_MOST
        forged.append(file[:start] + bytes(footer) + len(footer).to_bytes(4, "little") + b"PAR1")
    return forged


def mutated_arrow(random: np.random.Generator) -> list[bytes]:
    """Return Arrow streams after random changes. Most of the changes are in the sizes of buffers and tables."""
    streams = arrow_streams(random)
    return [mutate(streams[number % len(streams)], streams[0], random) for number in range(_VARIANTS)]


def empty_lists(size: int) -> bytes:
    """Return `{"digests": [[],[],…]}` with about `size` bytes. A parser creates an object for every three bytes."""
    return b'{"digests":[' + b"[]," * (size // 3) + b"[]]}"


def deep_lists(size: int) -> bytes:
    """Return nested arrays with `size` bytes. A parser needs one more nested call for every two bytes."""
    return b"[" * (size // 2) + b"]" * (size // 2)


def deep_objects(size: int) -> bytes:
    """Return nested objects with about `size` bytes."""
    return b'{"digests":' * (size // 12) + b"{}" + b"}" * (size // 12)
