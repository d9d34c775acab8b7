"""Snapshots on disk: one folder each, named by its id. A folder appears when it is complete, and never changes."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.digests import to_text
from firsthand.errors import SnapshotError
from firsthand.schemas.snapshots import NewSnapshot, Snapshot, Summary
from firsthand.snapshots import Subject, manifest, shards
from service.claims.view import View
from service.errors import ResourceNotFound
from service.storage import tables


def subject_at(session: Session, view: View, new: NewSnapshot) -> Subject:
    """Return what a requested snapshot is of, at the view's position."""
    columns = tables.statements.c
    digest: bytes | None = session.scalar(select(columns.digest).where(columns.position == view.position))
    return Subject(view.position, None if digest is None else to_text(digest), new.policy, new.bits)


class SnapshotStore:
    """The snapshots in a folder.

    Before a process serves a snapshot, it compares the files with the manifest once. So files need no fsync: after a
    power failure, a damaged snapshot counts as missing and is built again when it is requested.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._load_cached = lru_cache(64)(self._load)

    def has(self, id_: str) -> bool:
        """Return whether a snapshot exists and is complete."""
        try:
            self.get(id_)
        except ResourceNotFound:
            return False
        return True

    def get(self, id_: str) -> tuple[Snapshot, bytes]:
        """Return the manifest, and its bytes. Raises ResourceNotFound, also if the folder was deleted since."""
        try:
            if (self.folder / id_).exists():
                return self._load_cached(id_)
        except (OSError, SnapshotError):
            pass  # incomplete or damaged: it counts as missing
        raise ResourceNotFound(f"There is no snapshot {id_}. GET /v1/snapshots lists those that exist.")

    def shard(self, id_: str, shard: int) -> tuple[Path, str]:
        """Return (the file of a shard, its digest). Raises ResourceNotFound."""
        snapshot, _ = self.get(id_)
        return self.folder / id_ / shards.name(shard), snapshot.shards[shard].digest

    def all(self) -> list[Summary]:
        """Return every snapshot, the highest position first."""
        ids = [path.parent.name for path in self.folder.glob(f"*/{manifest.FILE}") if path.parent.name[0] != "."]
        snapshots = [self.get(id_)[0] for id_ in ids if self.has(id_)]
        summaries = [
            Summary(**snapshot.model_dump(exclude={"shards", "form", "digest"}), bytes=snapshot.bytes)
            for snapshot in snapshots
        ]
        return sorted(summaries, key=lambda summary: (-summary.position, summary.id))

    def _load(self, id_: str) -> tuple[Snapshot, bytes]:
        """Read a manifest, and compare all files with it. Raises OSError or SnapshotError."""
        folder = self.folder / id_
        content = (folder / manifest.FILE).read_bytes()
        snapshot = manifest.read(content)
        for shard in range(shards.SHARDS):
            name = shards.name(shard)
            manifest.check((folder / name).read_bytes(), shard, snapshot, name)
        return snapshot, content
