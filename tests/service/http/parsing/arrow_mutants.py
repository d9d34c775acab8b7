"""Read mutants of Arrow streams, and print how many were read and refused, and the most bytes per byte of a body.

    python -m tests.service.http.parsing.arrow_mutants SEED NUMBER

It runs in a process of its own, so that a crash is seen. The mutations are of the kinds that break parsers: bits and
bytes, words set to their extremes, pieces cut out, doubled or exchanged.
"""

import sys
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa

from service.errors import Malformed, Unprocessable, UnsupportedMedia
from service.http.parsing import arrow_stream
from tests.factories import digest

EXTREMES = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 31, 33]


def stream(table: Any, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, **options)
    return bytes(sink.getvalue())


def table(rows: int, digests: Any, sizes: Any = None, confidences: Any = None) -> Any:
    columns = {"digest": pa.array([digest(row) for row in range(rows)], digests)}
    if sizes is not None:
        columns["size"] = pa.array([7 * row % 127 for row in range(rows)], sizes)
    if confidences is not None:
        columns["confidence"] = pa.array([3 * row % 127 for row in range(rows)], confidences)
    return pa.table(columns)


INTEGERS = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]
BINARIES = [pa.binary(32), pa.binary(), pa.large_binary()]


def originals() -> list[bytes]:
    """Streams of every kind of column, in one batch and in several."""
    tables = [table(50, kind, sizes, sizes) for kind in BINARIES for sizes in (None, INTEGERS[5], INTEGERS[6])]
    return [stream(written, **options) for written in tables for options in ({}, {"max_chunksize": 7})]


def mutant(original: bytes, randomness: np.random.Generator) -> bytes:
    """One to four changes to a stream; three in four times its end marker is written again after them."""
    body = bytearray(original)
    for _ in range(1 + randomness.integers(4)):
        start = int(randomness.integers(len(body)))
        if randomness.integers(2):
            start -= start % 4  # where the numbers of the format are
        length = int(randomness.integers(1, 40))
        match randomness.integers(6):
            case 0:
                body[start] ^= 1 << int(randomness.integers(8))
            case 1:
                body[start] = int(randomness.integers(256))
            case 2:
                width = int(randomness.choice([1, 2, 4, 8]))
                value = EXTREMES[randomness.integers(len(EXTREMES))] % 2 ** (8 * width)
                body[start : start + width] = value.to_bytes(width, "little")
            case 3:
                del body[start : start + length]
            case 4:
                body[start:start] = body[start : start + length]
            case _:
                other = int(randomness.integers(len(body)))
                pieces = body[other : other + length], body[start : start + length]
                body[start : start + length], body[other : other + length] = pieces
        if len(body) < 16:
            break
    return bytes(body) + (b"\xff\xff\xff\xff" + bytes(4) if randomness.integers(4) else b"")


def main(seed: int, number: int) -> None:
    """Read mutants. Any exception that is not a refusal ends it with a traceback."""
    randomness, streams = np.random.default_rng(seed), originals()
    read, refused, most = 0, 0, 0.0
    for count in range(number):
        body = mutant(streams[count % len(streams)], randomness)
        measured = count % 20 == 0  # tracing makes Python several times slower
        if measured:
            tracemalloc.start()
        try:
            arrow_stream.read(body, 2**21).committed()
            read += 1
        except (Malformed, Unprocessable, UnsupportedMedia):
            refused += 1
        if measured:
            most = max(most, tracemalloc.get_traced_memory()[1] / (len(body) + 4096))
            tracemalloc.stop()
    print(read, refused, most)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
