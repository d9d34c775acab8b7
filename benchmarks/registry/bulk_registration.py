"""Register new items over HTTP, as raw digests and as Arrow, compared with a bare driver that stores the same rows."""

from collections.abc import Callable, Iterator
from time import perf_counter
from uuid import uuid4

import httpx2
import numpy as np
import pyarrow as pa

from benchmarks.bare.inputs import random_digests, split
from benchmarks.harness.bench import Bench
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.memory import MemoryWatch
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from benchmarks.harness.served_registry import ServedRegistry
from firsthand.core.digests import SIZE, Digests

_LEAST_RATIO = {"sqlite": 0.5, "postgresql": 0.6}


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure in rounds: register new items in empty tables with the bare driver, as raw digests, and as Arrow."""
    driver, connection, _ = bench.bare()
    sizes, memory = bench.sizes, dict[str, int]()

    def bare(_: int) -> float:
        new = random_digests(sizes.new, bench.generator)
        driver.create(connection)
        return sizes.new / float(driver.register(connection, new, sizes.batch))

    def over_http(media_type: str) -> Callable[[int], float]:
        def measure(_: int) -> float:
            new = random_digests(sizes.new, bench.generator)
            with bench.registry() as registry, MemoryWatch(registry.served.pid, registry.idle) as watch:
                seconds = register(registry.served, new, sizes.batch, media_type)
            memory[media_type] = max(memory.get(media_type, 0), watch.over_idle)
            return sizes.new / seconds

        return measure

    baselines, *measured = alternate(sizes.times, bare, *(over_http(media_type) for media_type in BODIES))
    target = Target("ratio", ">=", _LEAST_RATIO[bench.database])
    limit = LIMITS.get(("register", bench.database, sizes.new))
    for (media_type, (name, _)), values in zip(BODIES.items(), measured, strict=True):
        task = f"register {sizes.new:,}, {name}"
        note = f"batches of {sizes.batch:,}; memory {memory[media_type] / 1e6:,.0f} MB above idle"
        yield BenchmarkRow(task, bench.database, values, "items/s", baselines, target, note, limit)


def register(served: ServedRegistry, digests: Digests, size: int, media_type: str) -> float:
    """Register `uint8[n, 32]` as human, in batches of `size`, one request after the other. Return the seconds."""
    _, encode = BODIES[media_type]
    headers = {"Authorization": f"Bearer {served.api_key}", "Content-Type": media_type}
    with httpx2.Client(base_url=served.url, headers=headers, timeout=120, trust_env=False) as http:

        def post(part: Digests) -> None:
            path = "/v1/datasets/local/d/registrations?origin=human"
            key = {"Idempotency-Key": str(uuid4())}
            http.post(path, content=encode(part), headers=key).raise_for_status()

        post(digests[:1])  # not counted: in each process, the first body of each type takes longer
        started = perf_counter()
        for part in split(digests[1:], size):
            post(part)
        return perf_counter() - started


def encode_raw(digests: Digests) -> bytes:
    """Encode `uint8[n, 32]` as joined digests."""
    return np.ascontiguousarray(digests).tobytes()


def encode_arrow(digests: Digests) -> bytes:
    """Encode `uint8[n, 32]` as an Arrow IPC stream with the column `digest`."""
    flat = pa.py_buffer(encode_raw(digests))
    column = pa.Array.from_buffers(pa.binary(SIZE), len(digests), [None, flat])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("digest", pa.binary(SIZE))])) as stream:
        stream.write_batch(pa.record_batch([column], names=["digest"]))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


BODIES: dict[str, tuple[str, Callable[[Digests], bytes]]] = {
    "application/octet-stream": ("raw", encode_raw),
    "application/vnd.apache.arrow.stream": ("Arrow", encode_arrow),
}
