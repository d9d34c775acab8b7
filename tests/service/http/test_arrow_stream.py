"""The reader of Arrow streams agrees with pyarrow on what is whole, and neither crashes nor grows on what is not."""

import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from service.errors import Refusal
from service.http import arrow_stream
from tests.factories import digest

MOST = 2**21


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


@pytest.mark.parametrize("digests", BINARIES, ids=str)
@pytest.mark.parametrize("rows", [1, 7, 8, 1_000])
def test_every_width_of_a_column_is_read_as_pyarrow_wrote_it(digests: Any, rows: int) -> None:
    for sizes in [None, *INTEGERS]:
        written = table(rows, digests, sizes, None if sizes is None else pa.int16())
        for options in ({}, {"max_chunksize": 3 + rows // 2}):
            items = arrow_stream.read(stream(written, **options), MOST)
            assert items.digests.tobytes() == b"".join(written["digest"].to_pylist())
            assert (items.size is None) == (items.confidence is None) == (sizes is None)
            if items.size is not None and items.confidence is not None:
                assert (str(items.size.dtype), str(items.confidence.dtype)) == ("uint32", "uint8")
                assert items.size.tolist() == written["size"].to_pylist()
                assert items.confidence.tolist() == written["confidence"].to_pylist()


@pytest.mark.parametrize("digests", BINARIES, ids=str)
def test_a_slice_of_a_column_is_read_from_its_first_row(digests: Any) -> None:
    written = table(100, digests, pa.int64()).slice(37, 50)
    items = arrow_stream.read(stream(written), MOST)
    assert items.digests.tobytes() == b"".join(written["digest"].to_pylist())


def test_columns_may_come_in_any_order_and_batches_may_be_empty() -> None:
    written = table(10, pa.binary(32), pa.uint32()).select(["size", "digest"])
    empty = written.slice(0, 0)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, written.schema.with_metadata({"pandas": "{}"})) as writer:
        for part in (empty, written, empty):
            for batch in part.to_batches() or [pa.RecordBatch.from_pylist([], schema=written.schema)]:
                writer.write_batch(batch)
    items = arrow_stream.read(bytes(sink.getvalue()), MOST)
    assert items.size is not None
    assert items.size.tolist() == written["size"].to_pylist()


def test_a_null_is_refused_at_its_row_in_whatever_batch_it_is() -> None:
    rows: list[bytes | None] = [digest(row) for row in range(100)]
    rows[77] = None
    for kind in BINARIES:
        body = stream(pa.table({"digest": pa.array(rows, kind)}), max_chunksize=30)
        with pytest.raises(Refusal, match="row 77: it has no digest"):
            arrow_stream.read(body, MOST)


def test_more_rows_than_a_call_takes_are_refused() -> None:
    with pytest.raises(Refusal, match="row 9: a body has at most 9 items"):
        arrow_stream.read(stream(table(10, pa.binary(32))), 9)


#: Runs in a process of its own, so that a crash is seen. The mutations are of the kinds that break parsers: bits and
#: bytes, words set to their extremes, pieces cut out, doubled or exchanged, lengths that lie.
MUTATE = """
import sys, tracemalloc
import numpy as np
import pyarrow as pa
from service.errors import Refusal
from service.http import arrow_stream
from tests.service.http.test_arrow_stream import BINARIES, INTEGERS, stream, table

randomness = np.random.default_rng(int(sys.argv[1]))
EXTREMES = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 31, 33]
seeds = []
for kind in BINARIES:
    for sizes in (None, INTEGERS[5], INTEGERS[6]):
        seeds.append(stream(table(50, kind, sizes, sizes)))
        seeds.append(stream(table(50, kind, sizes, sizes), max_chunksize=7))

def mutant(body):
    body = bytearray(body)
    for _ in range(1 + randomness.integers(4)):
        at = int(randomness.integers(len(body)))
        if randomness.integers(2):
            at -= at % 4  # where the numbers of the format are
        how = randomness.integers(6)
        if how == 0:
            body[at] ^= 1 << int(randomness.integers(8))
        elif how == 1:
            body[at] = int(randomness.integers(256))
        elif how == 2:
            width = int(randomness.choice([1, 2, 4, 8]))
            value = EXTREMES[randomness.integers(len(EXTREMES))] % 2 ** (8 * width)
            body[at : at + width] = value.to_bytes(width, "little")
        elif how == 3:
            del body[at : at + int(randomness.integers(1, 40))]
        elif how == 4:
            length = int(randomness.integers(1, 40))
            body[at:at] = body[at : at + length]
        else:
            other, length = int(randomness.integers(len(body))), int(randomness.integers(1, 16))
            body[at : at + length], body[other : other + length] = body[other : other + length], body[at : at + length]
        if len(body) < 16:
            break
    if randomness.integers(4):
        body += b"\\xff\\xff\\xff\\xff" + bytes(4)
    return bytes(body)

read = refused = most = 0
for number in range(int(sys.argv[2])):
    body = mutant(seeds[number % len(seeds)])
    measured = number % 20 == 0  # tracing makes Python several times slower
    if measured:
        tracemalloc.start()
    try:
        items = arrow_stream.read(body, 2**21)
        items.committed()
        read += 1
    except Refusal as refusal:
        assert refusal.status in (400, 415, 422) and len(refusal.detail) > 10
        refused += 1
    if measured:
        most = max(most, tracemalloc.get_traced_memory()[1] / (len(body) + 4096))
        tracemalloc.stop()
print(read, refused, most)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_no_mutant_of_a_stream_crashes_or_takes_more_than_a_multiple_of_its_size(seed: int) -> None:
    mutants = 5_000
    ended = subprocess.run(
        [sys.executable, "-c", MUTATE, str(seed), str(mutants)],
        capture_output=True, text=True, timeout=5 * PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    read, refused, most = map(float, ended.stdout.split())
    print(f"\n{mutants:,} mutants: {read:.0f} read, {refused:.0f} refused; at most {most:.1f} bytes per byte of body")
    assert read > mutants / 100
    assert refused > mutants / 3
    assert most < 16
