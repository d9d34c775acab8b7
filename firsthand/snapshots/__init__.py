"""Snapshots: the verdicts of a registry in a few bytes an item, to be asked without network.

docs/snapshots.md describes the files. `Snapshot.open(folder)` reads them, `Writer` writes them.
"""

from firsthand.snapshots.build import Writer
from firsthand.snapshots.manifest import Subject
from firsthand.snapshots.snapshot import Snapshot

__all__ = ["Snapshot", "Subject", "Writer"]
