"""How long `Recorder.add` keeps a serving path, while its items are really registered.

One thread adds texts at a steady pace, then as fast as it can; each add is timed, and the 99th percentile of a round
stands. The baseline is the same hashing and one 44-byte write to an open file, without a recorder, at the same pace: a
thread that slept finds its caches cold, and takes three times as long for the same.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from time import perf_counter, sleep

import numpy as np
import numpy.typing as npt

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row, alternately
from firsthand import Client, Recorder
from firsthand.core.digests import text_bytes

#: Bytes of a text, and texts a second of a server that is well used.
_SIZE = 1_000
_RATE = 2_000.0
_MOST = Bar("figure", "<=", 50.0)
_WORDS = ["the", "engine", "weaves", "algebraic", "patterns", "as", "a", "loom", "weaves", "flowers", "and", "leaves"]


def rows(bench: Bench) -> Iterator[Row]:
    """As fast as it goes, while what was added is sent, and at a pace."""
    count = max(16, bench.sizes.recorded // 16)
    with bench.registry() as held, tempfile.TemporaryFile() as file:
        held.client.put_dataset("local/texts", profile="text-1")

        def both(rate: float | None) -> list[tuple[float, ...]]:
            return alternately(
                bench.sizes.times,
                lambda number: _p99(_bare(file.fileno()), _texts(f"b{number}", count, bench.generator), rate),
                lambda number: _recorded(held.client, _texts(f"{rate}r{number}", count, bench.generator), rate),
            )

        note = f"texts of {_SIZE:,} bytes; the baseline is hashing and one write to a file, at the same pace"
        for pace, rate in (("unpaced", None), (f"{_RATE:,.0f} texts a second", _RATE)):
            baselines, values = both(rate)
            yield Row(f"Recorder.add, p99, {pace}", bench.database, values, "µs", baselines, _MOST, note)


def _texts(name: str, count: int, generator: np.random.Generator) -> list[str]:
    """`count` texts of about `_SIZE` bytes, with line breaks, none like another."""
    words = [_WORDS[i] for i in generator.integers(len(_WORDS), size=_SIZE // 6)]
    words[::40] = [f"{word}.\n\n" for word in words[::40]]
    body = " ".join(words)
    return [f"{name} {number} {body}" for number in range(count)]


def _recorded(client: Client, given: list[str], rate: float | None) -> float:
    """Microseconds by a recorder of its own, all of whose items are acknowledged in the end."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder(client, model="local/m@1", dataset="local/texts", spool=folder, seconds=1.0) as recorder,
    ):
        p99 = _p99(recorder.add, given, rate)
        if not recorder.flush(120.0) or recorder.counts.sent != len(given):
            raise RuntimeError(f"of {len(given):,} texts, the recorder has {recorder.counts}")
    return p99


def _p99(add: Callable[[str], object], given: list[str], rate: float | None) -> float:
    """Microseconds of a call that 99 of 100 stay under; `rate` calls a second, or as fast as it goes."""
    took: npt.NDArray[np.float64] = np.empty(len(given))
    start = perf_counter()
    for number, text in enumerate(given):
        if rate is not None:
            sleep(max(0.0, start + number / rate - perf_counter()))
        before = perf_counter()
        add(text)
        took[number] = perf_counter() - before
    return float(np.percentile(took, 99) * 1e6)


def _bare(file: int) -> Callable[[str], object]:
    return lambda text: os.write(file, hashlib.sha256(text_bytes(text, "text-1")).digest() + bytes(12))
