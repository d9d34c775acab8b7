"""Run `firsthand check` on JSON lines with a snapshot, and compare it with reading and hashing the same lines.

    python -m benchmarks.snapshots.check_command [--quick]

The value is the duration of the command in a separate process. It includes imports, opening the snapshot, reading,
hashing under both profiles, look-ups and totals. The baseline is `benchmarks.bare.lines.read_and_hash` in this process,
under the same two profiles. They are measured in turn, so that a busy machine slows both.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.bare import lines
from benchmarks.harness.bench import Bench
from benchmarks.harness.command import machine_load
from benchmarks.harness.report import BenchmarkRow, Target
from firsthand.core.digests import Digests, stack
from firsthand.core.verdicts import IS_MODEL, Verdicts
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots import SnapshotWriter, Subject

#: The maximum acceptable ratio of the command to reading and hashing.
TARGET = Target("ratio", "<=", 1.5)


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure the command. It uses no database."""
    sizes = bench.sizes
    folder = bench.folder / "check"
    folder.mkdir()
    yield measure(folder, bench.generator, count=sizes.lines, held=sizes.pool, times=sizes.times)


def measure(
    folder: Path,
    generator: np.random.Generator,
    *,
    count: int = 1_000_000,
    held: int = 10_000_000,
    times: int = 5,
) -> BenchmarkRow:
    """Check `count` lines, `times` times, with a snapshot of `held` items. Every second line is in it as model output.

    Raises AssertionError if the counts of the command are impossible for this snapshot.
    """
    path, snapshot = folder / "lines.jsonl", folder / "snapshot"
    lines.write(path, count, generator)
    digests, _ = lines.read_and_hash(path)
    write_snapshot(snapshot, stack(digests[::2]), held, generator)
    values, baselines = [], []
    for _ in range(times):
        baselines.append(lines.read_and_hash(path, ("text-1", "bytes-1"))[1])
        values.append(_check(path, snapshot, count))
    task, note = f"check {count:,} lines with a snapshot", "baseline: read and hash the same lines"
    return BenchmarkRow(task, "-", tuple(values), "s", tuple(baselines), TARGET, note)


def write_snapshot(folder: Path, known: Digests, held: int, generator: np.random.Generator, bits: Bits = 12) -> None:
    """Write a snapshot with `held` digests, all model output: the digests `known`, and random digests."""
    folder.mkdir()
    others = generator.integers(0, 256, (max(0, held - len(known)), 32), dtype=np.uint8)
    with SnapshotWriter(folder, Subject(1, None, bits=bits)) as writer:
        for part in (known, others):
            n = len(part)
            writer.add(part, Verdicts(np.full(n, IS_MODEL, np.uint8), np.ones(n, np.int16), np.zeros(n, np.bool_)))
        writer.finish()


def _check(path: Path, snapshot: Path, count: int) -> float:
    """Run the command once; return its seconds. Raises AssertionError if its counts are wrong."""
    command = [sys.executable, "-m", "firsthand", "check", str(path), "--snapshot", str(snapshot)]
    started = perf_counter()
    finished = subprocess.run([*command, "--json", "--workers", "1"], stdout=subprocess.PIPE, check=True)
    seconds = perf_counter() - started
    summary = json.loads(finished.stdout)
    # A snapshot with 12 bits gives a verdict on 1 in 2^13 unknown digests; five standard errors more are allowed.
    known, false = (count + 1) // 2, count / 2**14
    matches = summary["counts"]["model"] + summary["counts"]["contested"] + summary["snapshot"]["unconfirmed"]
    assert summary["total"] == count, summary
    assert known <= matches <= known + false + 5 * false**0.5, summary
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the seconds of the command and of the baseline; return 1 if the ratio misses its target."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.snapshots.check_command",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="use a tenth of the sizes, and measure three times")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random lines; default: 0")
    options = parser.parse_args(arguments)
    sizes = {"count": 100_000, "held": 1_000_000, "times": 3} if options.quick else {}
    print(machine_load())
    with tempfile.TemporaryDirectory() as folder:
        row = measure(Path(folder), np.random.default_rng(options.seed), **sizes)
    for name, seconds in (("check", row.values), ("read and hash", row.baselines)):
        rounds = ", ".join(f"{value:.2f}" for value in seconds)
        print(f"{name:14} {statistics.median(seconds):7.2f} s   ({rounds})")
    print(f"{'ratio':14} {row.ratio:7.2f}     target {TARGET}: {'pass' if row.passed else 'MISS'}")
    return int(not row.passed)


if __name__ == "__main__":
    sys.exit(main())
