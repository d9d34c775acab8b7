"""The reader of Arrow streams agrees with pyarrow on what is whole, and neither crashes nor grows on what is not."""

import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from service.errors import Refusal
from service.http.parsing import arrow_stream
from tests.factories import digest
from tests.service.http.parsing.arrow_mutants import BINARIES, INTEGERS, stream, table

MOST = 2**21


@pytest.mark.slow
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
        with pytest.raises(Refusal, match="row 77: the digest is missing"):
            arrow_stream.read(body, MOST)


def test_more_rows_than_a_call_takes_are_refused() -> None:
    with pytest.raises(Refusal, match="row 9: a body has at most 9 items"):
        arrow_stream.read(stream(table(10, pa.binary(32))), 9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_no_mutant_of_a_stream_crashes_or_takes_more_than_a_multiple_of_its_size(seed: int) -> None:
    mutants = 5_000
    ended = subprocess.run(
        [sys.executable, "-m", "tests.service.http.parsing.arrow_mutants", str(seed), str(mutants)],
        capture_output=True, text=True, timeout=5 * PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    read, refused, most = map(float, ended.stdout.split())
    print(f"\n{mutants:,} mutants: {read:.0f} read, {refused:.0f} refused; at most {most:.1f} bytes per byte of body")
    assert read > mutants / 100
    assert refused > mutants / 3
    assert most < 16
