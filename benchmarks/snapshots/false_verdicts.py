"""Does a snapshot err as rarely as it states? Members against what was said of them, and as many strangers.

    python -m benchmarks.snapshots.false_verdicts [--members 10000000] [--strangers 10000000] [--bits 12|28]

Written by SnapshotWriter, read by Snapshot; items come and go in pieces of a million. A stranger is given a
verdict with the probability that the snapshot states, each by itself: so their number is binomial. Exits with status 1
where a member is answered wrongly, or where the number of strangers with a verdict is 3 standard errors off.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firsthand import Snapshot
from firsthand.core.digests import Digests
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, UNKNOWN, Verdicts
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots import SnapshotWriter, Subject

_PIECE = 1_000_000
_MEMBERS, _STRANGERS = 0, 1


@dataclass(frozen=True)
class Errors:
    """What was found, beside what is stated."""

    members: int
    #: Members with another verdict or generation than was said of them.
    wrong: int
    strangers: int
    verdicts: int
    expected: float
    humans: int
    expected_humans: float

    @property
    def z(self) -> float:
        """Standard errors between the verdicts on strangers and those expected."""
        p = self.expected / self.strangers
        return float((self.verdicts - self.expected) / (self.expected * (1 - p)) ** 0.5)

    @property
    def as_stated(self) -> bool:
        return self.wrong == 0 and abs(self.z) < 3


def pieces(n: int, who: int) -> Iterator[Digests]:
    """n digests; members and strangers have nothing in common but by a chance of 2^-256 a pair."""
    for number, start in enumerate(range(0, n, _PIECE)):
        random = np.random.default_rng((who, number))
        yield random.integers(0, 256, (min(_PIECE, n - start), 32), dtype=np.uint8)


def said(n: int) -> Verdicts:
    """Every kind in turn, models of generation 1 to 6."""
    at = np.arange(n)
    verdict = np.array([IS_HUMAN, IS_MODEL, CONTESTED, IS_MODEL], dtype=np.uint8)[at % 4]
    generation = np.where(verdict == IS_MODEL, at % 6 + 1, np.where(verdict == IS_HUMAN, 0, NO_GENERATION))
    return Verdicts(verdict, generation.astype(np.int16), np.zeros(n, dtype=np.bool_))


def write(folder: Path, members: int, bits: Bits) -> None:
    with SnapshotWriter(folder, Subject(1, None, "strict", bits)) as writer:
        for piece in pieces(members, _MEMBERS):
            writer.add(piece, said(len(piece)))
        writer.finish()


def look_up(snapshot: Snapshot, members: int, strangers: int) -> Errors:
    wrong = verdicts = humans = 0
    for piece in pieces(members, _MEMBERS):
        origin, generation = snapshot.lookup(piece)
        right = said(len(piece))
        wrong += int(((origin != right.verdict) | (generation != np.minimum(right.generation, 3))).sum())
    for piece in pieces(strangers, _STRANGERS):
        origin, _ = snapshot.lookup(piece)
        verdicts += int((origin != UNKNOWN).sum())
        humans += int((origin == IS_HUMAN).sum())
    stated = strangers * snapshot.false_verdicts, strangers * snapshot.false_humans
    return Errors(members, wrong, strangers, verdicts, stated[0], humans, stated[1])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=10_000_000)
    parser.add_argument("--strangers", type=int, default=10_000_000)
    parser.add_argument("--bits", type=int, choices=(12, 28), default=12)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder, start = Path(name), time.perf_counter()
        write(folder, given.members, given.bits)
        built = time.perf_counter() - start
        snapshot = Snapshot.open(folder)
        print(
            f"{given.members:,} items in {given.bits} bits: "
            f"{snapshot.manifest.bytes / given.members:.3f} bytes an item, built in {built:.1f} s"
        )
        found = look_up(snapshot, given.members, given.strangers)
    print(f"members answered wrongly: {found.wrong} of {found.members:,}; expected 0")
    print(
        f"strangers with a verdict: {found.verdicts} of {found.strangers:,}; "
        f"expected {found.expected:.1f} (z = {found.z:+.2f})"
    )
    print(f"strangers called human:   {found.humans}; expected {found.expected_humans:.1f}")
    return 0 if found.as_stated else 1


if __name__ == "__main__":
    sys.exit(main())
