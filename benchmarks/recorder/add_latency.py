"""Measure how long `Recorder.add` delays its caller while the items are sent to a registry.

One thread adds texts as fast as possible, then at a fixed rate. The value is the 99th percentile of the times of all
calls of a round. The baseline computes the same hash and writes 44 bytes to an open file, without a recorder. It runs
at the same rate, because after a pause the caches of the processor are cold and a call takes three times as long.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from time import perf_counter, sleep

import numpy as np
import numpy.typing as npt

from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from firsthand import Client, Recorder
from firsthand.core.digests import text_bytes

#: Bytes per text, and texts per second of a server under load.
_SIZE = 1_000
_RATE = 2_000.0
_TARGET = Target("value", "<=", 50.0)
_WORDS = ["the", "engine", "weaves", "algebraic", "patterns", "as", "a", "loom", "weaves", "flowers", "and", "leaves"]


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure calls without pauses, then calls at a fixed rate."""
    count = max(16, bench.sizes.recorded // 16)
    with bench.registry() as registry, tempfile.TemporaryFile() as file:
        registry.client.put_dataset("local/texts", profile="text-1")

        def bare_add(text: str) -> None:
            os.write(file.fileno(), hashlib.sha256(text_bytes(text, "text-1")).digest() + bytes(12))

        def measure(rate: float | None) -> list[tuple[float, ...]]:
            return alternate(
                bench.sizes.times,
                lambda number: _p99(bare_add, _texts(f"b{number}", count, bench.generator), rate),
                lambda number: _by_recorder(registry.client, _texts(f"{rate}r{number}", count, bench.generator), rate),
            )

        note = f"texts of {_SIZE:,} bytes; baseline: hash and write to a file, at the same rate"
        for name, rate in (("no pause", None), (f"{_RATE:,.0f} texts/s", _RATE)):
            baselines, values = measure(rate)
            yield BenchmarkRow(f"Recorder.add, p99, {name}", bench.database, values, "µs", baselines, _TARGET, note)


def _texts(name: str, count: int, generator: np.random.Generator) -> list[str]:
    """Return `count` different texts of about `_SIZE` bytes, with line breaks."""
    words = [_WORDS[i] for i in generator.integers(len(_WORDS), size=_SIZE // 6)]
    words[::40] = [f"{word}.\n\n" for word in words[::40]]
    body = " ".join(words)
    return [f"{name} {number} {body}" for number in range(count)]


def _by_recorder(client: Client, texts: list[str], rate: float | None) -> float:
    """Return the 99th percentile of a new recorder in microseconds. The registry must acknowledge all its items."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder(client, model="local/m@1", dataset="local/texts", spool=folder, seconds=1.0) as recorder,
    ):
        p99 = _p99(recorder.add, texts, rate)
        if not recorder.flush(120.0) or recorder.counts.sent != len(texts):
            raise RuntimeError(f"the recorder has not sent all {len(texts):,} texts: {recorder.counts}")
    return p99


def _p99(add: Callable[[str], object], texts: list[str], rate: float | None) -> float:
    """Return the 99th percentile in microseconds, at `rate` calls per second; without pauses if `rate` is None."""
    seconds: npt.NDArray[np.float64] = np.empty(len(texts))
    start = perf_counter()
    for number, text in enumerate(texts):
        if rate is not None:
            sleep(max(0.0, start + number / rate - perf_counter()))
        before = perf_counter()
        add(text)
        seconds[number] = perf_counter() - before
    return float(np.percentile(seconds, 99) * 1e6)
