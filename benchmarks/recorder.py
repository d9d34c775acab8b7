"""How long `Recorder.add` keeps a serving path, while its items are really registered.

    python -m benchmarks.recorder [--quick]

A registry is served on SQLite by a process of its own. One thread adds texts at a steady pace, and as fast as it can;
each add is timed. The baseline is the same hashing and one 44-byte write to an open file, without a recorder.
"""

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.serving import served
from firsthand import Client, Recorder
from firsthand.digests import Profile, text_bytes

_WORDS = ["the", "engine", "weaves", "algebraic", "patterns", "as", "a", "loom", "weaves", "flowers", "and", "leaves"]


def texts(count: int, size: int, random: np.random.Generator) -> list[str]:
    """`count` texts of about `size` bytes, with line breaks, none like another."""
    words = [_WORDS[i] for i in random.integers(len(_WORDS), size=size // 6)]
    words[::40] = [f"{word}.\n\n" for word in words[::40]]
    body = " ".join(words)
    return [f"{number} {body}" for number in range(count)]


def timed(add: Callable[[str], object], given: list[str], rate: float | None) -> npt.NDArray[np.float64]:
    """Seconds of each call, in turn; `rate` a second, or as fast as it goes."""
    took = np.empty(len(given))
    start = time.perf_counter()
    for number, text in enumerate(given):
        if rate is not None:
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
        before = time.perf_counter()
        add(text)
        took[number] = time.perf_counter() - before
    return took


def bare(profile: Profile) -> Callable[[str], object]:
    file = os.open(tempfile.mkstemp()[1], os.O_WRONLY | os.O_APPEND)
    return lambda text: os.write(file, hashlib.sha256(text_bytes(text, profile)).digest() + bytes(12))


def row(name: str, took: npt.NDArray[np.float64]) -> None:
    p50, p99, p999 = np.percentile(took * 1e6, [50, 99, 99.9])
    rate = len(took) / took.sum()
    print(f"{name:44} {p50:8.1f} {p99:8.1f} {p999:9.1f} {took.max() * 1e6:10.0f} {rate:10,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a quarter of the texts")
    count = 10_000 if parser.parse_args().quick else 40_000
    random = np.random.default_rng(0)
    print(f"{'add, microseconds':44} {'p50':>8} {'p99':>8} {'p99.9':>9} {'longest':>10} {'adds/s':>10}")
    with served() as (client, _), tempfile.TemporaryDirectory() as folder:
        client.put_model("local/m@1", generation=1)
        for profile in ("text-1", "bytes-1"):
            client.put_dataset(f"local/{profile}", profile=profile)
            for size in (300, 1_000, 4_000):
                given = texts(count, size, random)
                row(f"{profile}, {size:,} bytes, the hash and a write", timed(bare(profile), given, None))
                for rate in (2_000.0, None):
                    measure(client, Path(folder), profile, size, given, rate)


def measure(client: Client, folder: Path, profile: Profile, size: int, given: list[str], rate: float | None) -> None:
    some = given if rate is None else given[: len(given) // 4]
    dataset = f"local/{profile}"
    with Recorder(client, model="local/m@1", dataset=dataset, profile=profile, spool=folder, seconds=1.0) as recorder:
        took = timed(recorder.add, some, rate)
        assert recorder.flush(120.0), recorder.counts
        assert recorder.counts.sent == len(some)
    row(f"{profile}, {size:,} bytes, {'unpaced' if rate is None else f'{rate:,.0f} a second'}", took)


if __name__ == "__main__":
    main()
