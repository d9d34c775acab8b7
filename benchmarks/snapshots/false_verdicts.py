"""Test whether snapshots of several sizes have as few wrong verdicts as they state.

    python -m benchmarks.snapshots.false_verdicts [--quick] [--bits 12|28] [--items N ...] [--unregistered N]

For each size, a snapshot is written and read by the package's own classes, a million digests at a time. Its items are
looked up, and unregistered digests of two kinds:

    any shard      random digests, as in a crawl
    stored shards  random digests whose first byte is that of an item; in a small snapshot, most shards are empty

Every unregistered digest gets a verdict with the probability that the snapshot states, independently, so their number
is binomial. A number is as stated if it is within 3 standard errors of its expected value; below 100 expected, if its
tail in the Poisson distribution has at least the same probability. The exit status is 1 if an item gets a wrong
verdict, or if a number is not as stated.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firsthand import Snapshot
from firsthand.core.digests import Digests
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, UNKNOWN, Verdicts
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots import SnapshotWriter, Subject, verdict_codes

ITEMS = (0, 1, 3, 400, 5_000, 10_000_000)
#: With --quick, instead of 10,000,000.
_QUICK_MOST = 200_000
_PART = 1_000_000
_REGISTERED, _UNREGISTERED = 0, 1
#: The probability of a tail of the normal distribution beyond 3 standard errors.
_TAIL = math.erfc(3 / math.sqrt(2)) / 2
#: With fewer expected verdicts, the tails of the Poisson distribution are used instead of the standard error.
_FEW = 100


@dataclass(frozen=True)
class FalseVerdicts:
    """The number of unregistered digests that got a verdict, next to its expected value."""

    shards: str
    unregistered: int
    verdicts: int
    expected: float

    @property
    def z(self) -> float:
        """The difference of `verdicts` from `expected` in standard errors; 0 if both are 0."""
        if not self.expected:
            return math.inf if self.verdicts else 0.0
        p = self.expected / self.unregistered
        return float((self.verdicts - self.expected) / (self.expected * (1 - p)) ** 0.5)

    @property
    def as_stated(self) -> bool:
        if self.expected >= _FEW or not self.expected:
            return abs(self.z) < 3
        at_most = sum(_poisson(k, self.expected) for k in range(self.verdicts + 1))
        at_least = 1 - at_most + _poisson(self.verdicts, self.expected)
        return min(at_most, at_least) > _TAIL


def _poisson(k: int, mean: float) -> float:
    return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))


def random_parts(n: int, kind: int, first_bytes: npt.NDArray[np.uint8] | None = None) -> Iterator[Digests]:
    """Yield n digests in parts of a million. Digests of different kinds are equal with probability 2^-256 per pair.

    With `first_bytes`, the first byte of each digest is one of these.
    """
    for number, start in enumerate(range(0, n, _PART)):
        random = np.random.default_rng((kind, number))
        digests = random.integers(0, 256, (min(_PART, n - start), 32), dtype=np.uint8)
        if first_bytes is not None:
            digests[:, 0] = random.choice(first_bytes, len(digests))
        yield digests


def item_verdicts(n: int) -> Verdicts:
    """Return n verdicts: each kind in turn, model output of generation 1 to 6, some generations as lower bounds."""
    row = np.arange(n)
    verdict = np.array([IS_HUMAN, IS_MODEL, CONTESTED, IS_MODEL], dtype=np.uint8)[row % 4]
    generation = np.where(verdict == IS_MODEL, row // 4 % 6 + 1, np.where(verdict == IS_HUMAN, 0, NO_GENERATION))
    return Verdicts(verdict, generation.astype(np.int16), row % 4 == 3)


def write(folder: Path, items: int, bits: Bits) -> None:
    """Write a snapshot of so many items."""
    with SnapshotWriter(folder, Subject(1, None, "strict", bits)) as writer:
        for part in random_parts(items, _REGISTERED):
            writer.add(part, item_verdicts(len(part)))
        writer.finish()


def wrong_items(snapshot: Snapshot, items: int) -> int:
    """Look up all items, and return the number that got a wrong verdict or generation."""
    wrong = 0
    for part in random_parts(items, _REGISTERED):
        verdict, generation = snapshot.lookup(part)
        right = item_verdicts(len(part))
        # A snapshot stores generations of 3 and more as 3.
        wrong += int(((verdict != right.verdict) | (generation != np.minimum(right.generation, 3))).sum())
    return wrong


def false_verdicts(snapshot: Snapshot, unregistered: int) -> Iterator[FalseVerdicts]:
    """Look up unregistered digests of all shards and, if only some shards store items, of those shards."""
    yield _count("any shard", snapshot, random_parts(unregistered, _UNREGISTERED), snapshot.false_verdicts)
    stored = [shard.codes for shard in snapshot.manifest.shards]
    first_bytes = np.array([shard for shard, codes in enumerate(stored) if codes], dtype=np.uint8)
    if 0 < len(first_bytes) < len(stored):
        rate = verdict_codes.false_verdicts(snapshot.manifest.bits, [codes for codes in stored if codes])
        yield _count("stored shards", snapshot, random_parts(unregistered, _UNREGISTERED, first_bytes), rate)


def _count(shards: str, snapshot: Snapshot, parts: Iterator[Digests], rate: float) -> FalseVerdicts:
    unregistered = verdicts = 0
    for part in parts:
        unregistered += len(part)
        verdicts += int((snapshot.lookup(part)[0] != UNKNOWN).sum())
    return FalseVerdicts(shards, unregistered, verdicts, unregistered * rate)


def measure(items: int, unregistered: int, bits: Bits) -> bool:
    """Print the counts of a snapshot of this size. Return whether they are as stated."""
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.perf_counter()
        write(folder, items, bits)
        seconds = time.perf_counter() - started
        snapshot = Snapshot.open(folder)
    wrong, size = wrong_items(snapshot, items), snapshot.manifest.bytes
    print(f"{items:,} items, {bits} bits: {size:,} bytes, built in {seconds:.1f} s; {wrong} items with a wrong verdict")
    as_stated = wrong == 0
    for counted in false_verdicts(snapshot, unregistered):
        as_stated &= counted.as_stated
        print(
            f"  {counted.shards:13}  {counted.verdicts:6,} verdicts on {counted.unregistered:,} unregistered digests; "
            f"stated {counted.expected:9.2f} (z = {counted.z:+.2f}): "
            f"{'within' if counted.as_stated else 'NOT within'} 3 standard errors"
        )
    return as_stated


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the counts of all sizes; return 1 if some are not as stated."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.snapshots.false_verdicts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_MOST:,} items instead of {ITEMS[-1]:,}")
    parser.add_argument("--items", type=int, nargs="+", help=f"items in the snapshots; default: {ITEMS}")
    parser.add_argument("--unregistered", type=int, help="unregistered digests; default: 10000000; quick: 2000000")
    parser.add_argument("--bits", type=int, choices=(12, 28), default=12, help="bits per fingerprint; default: 12")
    options = parser.parse_args(arguments)
    items = options.items or [min(n, _QUICK_MOST) if options.quick else n for n in ITEMS]
    unregistered = options.unregistered or (2_000_000 if options.quick else 10_000_000)
    return 0 if all([measure(n, unregistered, options.bits) for n in items]) else 1


if __name__ == "__main__":
    sys.exit(main())
