"""Snapshots: the verdicts of a registry in about 2 bytes per item, for look-ups without a network.

docs/reference/snapshot-format.md describes the files. `Snapshot.open(folder)` reads them, `SnapshotWriter` writes them.
"""

from firsthand.snapshots.build import SnapshotWriter
from firsthand.snapshots.manifest import Subject
from firsthand.snapshots.snapshot import Snapshot

__all__ = ["Snapshot", "SnapshotWriter", "Subject"]
