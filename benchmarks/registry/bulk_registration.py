"""Registering new items over HTTP, as raw digests and as Arrow, beside the bare driver that stores the same rows."""

from collections.abc import Callable, Iterator
from time import perf_counter
from uuid import uuid4

import httpx2
import numpy as np
import pyarrow as pa

from benchmarks.bare.drawing import draw, split
from benchmarks.harness.bench import Bench
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.memory import Watch
from benchmarks.harness.rows import Bar, Row, alternately
from benchmarks.harness.served_registry import ServedRegistry
from firsthand.core.digests import SIZE, Digests

_LEAST = {"sqlite": 0.5, "postgresql": 0.6}


def rows(bench: Bench) -> Iterator[Row]:
    """Each round registers new items in empty tables: by the bare driver, as raw digests, as Arrow."""
    module, connection, _ = bench.bare()
    sizes, memory = bench.sizes, dict[str, int]()

    def bare(_: int) -> float:
        new = draw(sizes.new, bench.generator)
        module.create(connection)
        return sizes.new / float(module.register(connection, new, sizes.batch))

    def over_http(media_type: str) -> Callable[[int], float]:
        def once(_: int) -> float:
            new = draw(sizes.new, bench.generator)
            with bench.registry() as held, Watch(held.served.pid, held.idle) as watch:
                seconds = register(held.served, new, sizes.batch, media_type)
            memory[media_type] = max(memory.get(media_type, 0), watch.over_idle)
            return sizes.new / seconds

        return once

    baselines, *measured = alternately(sizes.times, bare, *(over_http(media_type) for media_type in BODIES))
    bar, limit = Bar("ratio", ">=", _LEAST[bench.database]), LIMITS.get(("register", bench.database, sizes.new))
    for (media_type, (name, _)), values in zip(BODIES.items(), measured, strict=True):
        note = f"batches of {sizes.batch:,}; memory {memory[media_type] / 1e6:,.0f} MB over idle"
        yield Row(f"register {sizes.new:,}, {name}", bench.database, values, "items/s", baselines, bar, note, limit)


def register(served: ServedRegistry, digests: Digests, size: int, media_type: str) -> float:
    """Seconds until `uint8[n, 32]` are registered as human in batches of `size`, one request after the other."""
    _, encode = BODIES[media_type]
    headers = {"Authorization": f"Bearer {served.api_key}", "Content-Type": media_type}
    with httpx2.Client(base_url=served.url, headers=headers, timeout=120, trust_env=False) as http:

        def post(part: Digests) -> None:
            once = {"Idempotency-Key": str(uuid4())}
            where = "/v1/datasets/local/d/registrations?origin=human"
            http.post(where, content=encode(part), headers=once).raise_for_status()

        post(digests[:1])  # what a process does once, at the first body of a form, is not what a body takes
        started = perf_counter()
        for part in split(digests[1:], size):
            post(part)
        return perf_counter() - started


def _raw(digests: Digests) -> bytes:
    return np.ascontiguousarray(digests).tobytes()


def _arrow(digests: Digests) -> bytes:
    flat = pa.py_buffer(_raw(digests))
    column = pa.Array.from_buffers(pa.binary(SIZE), len(digests), [None, flat])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("digest", pa.binary(SIZE))])) as stream:
        stream.write_batch(pa.record_batch([column], names=["digest"]))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


BODIES: dict[str, tuple[str, Callable[[Digests], bytes]]] = {
    "application/octet-stream": ("raw", _raw),
    "application/vnd.apache.arrow.stream": ("Arrow", _arrow),
}
