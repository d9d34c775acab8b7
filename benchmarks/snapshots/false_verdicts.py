"""Test whether a snapshot has as few wrong verdicts as it states, on its members and on unregistered digests.

    python -m benchmarks.snapshots.false_verdicts [--members 10000000] [--unregistered 10000000] [--bits 12|28]

The snapshot is written and read by the classes of the package, a million digests at a time. Each unregistered digest
gets a verdict, independently, with the probability that the snapshot states. So the number of these digests has a
binomial distribution. The exit status is 1 if a member gets a wrong verdict, or if this number differs from its
expected value by 3 standard errors or more.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firsthand import Snapshot
from firsthand.core.digests import Digests
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, UNKNOWN, Verdicts
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots import SnapshotWriter, Subject

_PART = 1_000_000
_MEMBERS, _UNREGISTERED = 0, 1


@dataclass(frozen=True)
class VerdictErrors:
    """The numbers of wrong verdicts, and their expected values."""

    members: int
    #: Members with a wrong verdict or generation.
    wrong: int
    unregistered: int
    verdicts: int
    expected: float
    humans: int
    expected_humans: float

    @property
    def z(self) -> float:
        """The difference of `verdicts` from `expected` in standard errors."""
        p = self.expected / self.unregistered
        return float((self.verdicts - self.expected) / (self.expected * (1 - p)) ** 0.5)

    @property
    def as_stated(self) -> bool:
        return self.wrong == 0 and abs(self.z) < 3


def random_parts(n: int, kind: int) -> Iterator[Digests]:
    """Yield n digests in parts of a million. Digests of different kinds are equal with probability 2^-256 per pair."""
    for number, start in enumerate(range(0, n, _PART)):
        random = np.random.default_rng((kind, number))
        yield random.integers(0, 256, (min(_PART, n - start), 32), dtype=np.uint8)


def member_verdicts(n: int) -> Verdicts:
    """Return n verdicts of all kinds in turn. Model output has the generations 1 to 6."""
    row = np.arange(n)
    verdict = np.array([IS_HUMAN, IS_MODEL, CONTESTED, IS_MODEL], dtype=np.uint8)[row % 4]
    generation = np.where(verdict == IS_MODEL, row % 6 + 1, np.where(verdict == IS_HUMAN, 0, NO_GENERATION))
    return Verdicts(verdict, generation.astype(np.int16), np.zeros(n, dtype=np.bool_))


def write(folder: Path, members: int, bits: Bits) -> None:
    """Write a snapshot with `members` members."""
    with SnapshotWriter(folder, Subject(1, None, "strict", bits)) as writer:
        for part in random_parts(members, _MEMBERS):
            writer.add(part, member_verdicts(len(part)))
        writer.finish()


def count_errors(snapshot: Snapshot, members: int, unregistered: int) -> VerdictErrors:
    """Look up all members, and `unregistered` unregistered digests. Return the numbers of wrong verdicts."""
    wrong = verdicts = humans = 0
    for part in random_parts(members, _MEMBERS):
        verdict, generation = snapshot.lookup(part)
        right = member_verdicts(len(part))
        # A snapshot stores generations of 3 and more as 3.
        wrong += int(((verdict != right.verdict) | (generation != np.minimum(right.generation, 3))).sum())
    for part in random_parts(unregistered, _UNREGISTERED):
        verdict, _ = snapshot.lookup(part)
        verdicts += int((verdict != UNKNOWN).sum())
        humans += int((verdict == IS_HUMAN).sum())
    expected, expected_humans = unregistered * snapshot.false_verdicts, unregistered * snapshot.false_humans
    return VerdictErrors(members, wrong, unregistered, verdicts, expected, humans, expected_humans)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the numbers. Return 1 if they differ from those that the snapshot states."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.snapshots.false_verdicts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=10_000_000, help="items in the snapshot; default: 10000000")
    parser.add_argument(
        "--unregistered", type=int, default=10_000_000, help="unregistered digests to look up; default: 10000000"
    )
    parser.add_argument("--bits", type=int, choices=(12, 28), default=12, help="bits per item; default: 12")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.perf_counter()
        write(folder, options.members, options.bits)
        seconds = time.perf_counter() - started
        snapshot = Snapshot.open(folder)
        print(
            f"{options.members:,} items of {options.bits} bits: "
            f"{snapshot.manifest.bytes / options.members:.3f} bytes per item, built in {seconds:.1f} s"
        )
        errors = count_errors(snapshot, options.members, options.unregistered)
    print(f"members with a wrong verdict: {errors.wrong} of {errors.members:,}; expected 0")
    print(
        f"unregistered digests with a verdict: {errors.verdicts} of {errors.unregistered:,}; "
        f"expected {errors.expected:.1f} (z = {errors.z:+.2f})"
    )
    print(f"unregistered digests called human: {errors.humans}; expected {errors.expected_humans:.1f}")
    return 0 if errors.as_stated else 1


if __name__ == "__main__":
    sys.exit(main())
