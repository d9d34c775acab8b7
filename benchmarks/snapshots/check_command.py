"""`firsthand check` over JSON lines with a snapshot, against reading and hashing the same lines and nothing else.

    python -m benchmarks.snapshots.check_command [--quick]

The figure is the whole command in a process of its own, from its start to its end: imports, opening the snapshot,
reading, hashing under both profiles, look-ups, totals. The baseline is `benchmarks.bare.lines.read_and_hash` in this
process, under the same two profiles. They take turns, so that a busy machine is as busy for either.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.bare import lines
from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row
from firsthand.core.digests import Digests, stack
from firsthand.core.verdicts import IS_MODEL, Verdicts
from firsthand.snapshots import Subject, Writer

#: The command takes at most so many times as long as reading and hashing alone.
BAR = 1.5


@dataclass(frozen=True)
class Gated:
    """Seconds of each measurement, in turn."""

    figures: tuple[float, ...]
    baselines: tuple[float, ...]

    @property
    def figure(self) -> float:
        return statistics.median(self.figures)

    @property
    def baseline(self) -> float:
        return statistics.median(self.baselines)

    @property
    def ratio(self) -> float:
        return self.figure / self.baseline


def rows(bench: Bench) -> Iterator[Row]:
    """The command as a row of the registry's table. It asks no database: the row says so."""
    sizes = bench.sizes
    folder = bench.folder / "gating"
    folder.mkdir()
    gated = measure(folder, bench.generator, count=sizes.lines, held=sizes.pool, times=sizes.times)
    work, note = f"check {sizes.lines:,} lines by a snapshot", "reading and hashing them alone is the baseline"
    yield Row(work, "-", gated.figures, "s", gated.baselines, Bar("ratio", "<=", BAR), note)


def measure(
    folder: Path,
    generator: np.random.Generator,
    *,
    count: int = 1_000_000,
    held: int = 10_000_000,
    times: int = 5,
    workers: int = 1,
) -> Gated:
    """Check `count` lines, every second one known as a model's, with a snapshot of `held` items, `times` times."""
    path, snapshot = folder / "lines.jsonl", folder / "snapshot"
    lines.write(path, count, generator)
    digests, _ = lines.read_and_hash(path)
    _snapshot(snapshot, stack(digests[::2]), held, generator)
    figures, baselines = [], []
    for _ in range(times):
        baselines.append(lines.read_and_hash(path, ("text-1", "bytes-1"))[1])
        figures.append(_check(path, snapshot, count, workers))
    return Gated(tuple(figures), tuple(baselines))


def _snapshot(folder: Path, known: Digests, held: int, generator: np.random.Generator) -> None:
    """A snapshot of these digests and of others, so that there are `held`."""
    folder.mkdir()
    others = generator.integers(0, 256, (max(0, held - len(known)), 32), dtype=np.uint8)
    with Writer(folder, Subject(1, None, bits=12)) as writer:
        for part in (known, others):
            n = len(part)
            made = Verdicts(np.full(n, IS_MODEL, np.uint8), np.ones(n, np.int16), np.zeros(n, np.bool_))
            writer.add(part, made)
        writer.finish()


def _check(path: Path, snapshot: Path, count: int, workers: int) -> float:
    """Seconds of one command. Raises AssertionError where it found something else than was put there."""
    command = [sys.executable, "-m", "firsthand", "check", str(path), "--snapshot", str(snapshot)]
    started = perf_counter()
    ran = subprocess.run(
        [*command, "--summary", "--json", "--workers", str(workers)], stdout=subprocess.PIPE, check=True
    )
    seconds = perf_counter() - started
    told = json.loads(ran.stdout)
    # one stranger in 2^13 is taken for a member: no fewer than all known, nor five standard errors more than that says
    most = (count + 1) // 2 + count / 2**14 + 5 * (count / 2**14) ** 0.5
    found = told["counts"]["model"] + told["counts"]["contested"] + told["snapshot"]["unconfirmed"]
    assert told["total"] == count, told
    assert (count + 1) // 2 <= found <= most, told
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshots.check_command", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, three times")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sizes = {"count": 100_000, "held": 1_000_000, "times": 3} if asked.quick else {}
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    with tempfile.TemporaryDirectory() as folder:
        gated = measure(Path(folder), np.random.default_rng(asked.seed), **sizes)
    for name, seconds in (("check", gated.figures), ("read and hash", gated.baselines)):
        each = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"{name:14} {statistics.median(seconds):7.2f} s   ({each})")
    passed = gated.ratio <= BAR
    print(f"{'ratio':14} {gated.ratio:7.2f}     at most {BAR}: {'pass' if passed else 'miss'}")
    return int(not passed)


if __name__ == "__main__":
    sys.exit(main())
