"""Snapshots on disk. Each snapshot is one folder, whose name is the id.

A folder appears when it is complete, and never changes.
"""

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
    """Return the subject of a requested snapshot: the position of the view, its statement, the policy and the bits."""
    columns = tables.statements.c
    digest: bytes | None = session.scalar(select(columns.digest).where(columns.position == view.position))
    return Subject(view.position, None if digest is None else to_text(digest), new.policy, new.bits)


class SnapshotStore:
    """The snapshots in a folder.

    A process compares the files of a snapshot with the manifest once, before it serves them. A damaged snapshot counts
    as missing, and is built again at the next request. So the files need no fsync against a power failure.
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
        """Return (the manifest, its bytes). Raises ResourceNotFound if the snapshot does not exist or is damaged."""
        try:
            if (self.folder / id_).exists():
                return self._load_cached(id_)
        except (OSError, SnapshotError):
            pass  # an incomplete or damaged snapshot counts as missing
        raise ResourceNotFound(f"There is no snapshot {id_}. GET /v1/snapshots lists all snapshots.")

    def shard(self, id_: str, shard: int) -> tuple[Path, str]:
        """Return (the path of the file of a shard, its digest). Raises ResourceNotFound if there is no snapshot."""
        snapshot, _ = self.get(id_)
        return self.folder / id_ / shards.name(shard), snapshot.shards[shard].digest

    def all(self) -> list[Summary]:
        """Return all complete snapshots. The highest position comes first."""
        ids = [path.parent.name for path in self.folder.glob(f"*/{manifest.FILE}") if path.parent.name[0] != "."]
        snapshots = [self.get(id_)[0] for id_ in ids if self.has(id_)]
        summaries = [
            Summary(**snapshot.model_dump(exclude={"shards", "form", "digest"}), bytes=snapshot.bytes)
            for snapshot in snapshots
        ]
        return sorted(summaries, key=lambda summary: (-summary.position, summary.id))

    def _load(self, id_: str) -> tuple[Snapshot, bytes]:
        """Return (the manifest, its bytes), after all files were compared with it. Raises OSError or SnapshotError."""
        folder = self.folder / id_
        content = (folder / manifest.FILE).read_bytes()
        snapshot = manifest.read(content)
        for shard in range(shards.SHARDS):
            name = shards.name(shard)
            manifest.check((folder / name).read_bytes(), shard, snapshot, name)
        return snapshot, content
