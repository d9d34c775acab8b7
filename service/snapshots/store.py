"""Snapshots on disk. Each snapshot is one folder. The name of the folder is the id of the snapshot.

A folder gets this name when it is complete. After that, it never changes.
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
from service.snapshots.index import SnapshotIndex
from service.storage import tables


def subject_at(session: Session, view: View, new: NewSnapshot) -> Subject:
    """Return the subject of the snapshot that `new` requests, at the position of the view."""
    columns = tables.statements.c
    digest: bytes | None = session.scalar(select(columns.digest).where(columns.position == view.position))
    return Subject(view.position, None if digest is None else to_text(digest), new.policy, new.bits)


class SnapshotStore:
    """The snapshots in a folder.

    Before a process serves a snapshot for the first time, it compares all its files with the manifest. A damaged
    snapshot counts as missing, and is built again at the next request. So the files need no fsync against a power
    failure. The list contains a damaged snapshot until a process has tried to serve it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index = SnapshotIndex(folder)
        self._manifest = lru_cache(64)(self._read_manifest)
        self._checked = set[str]()  # the ids of the snapshots whose files this process has already compared

    def has(self, id_: str) -> bool:
        """Return whether a snapshot exists and is not damaged."""
        try:
            self.get(id_)
        except ResourceNotFound:
            return False
        return True

    def get(self, id_: str) -> tuple[Snapshot, bytes]:
        """Return (the manifest, its bytes). Raises ResourceNotFound if the snapshot does not exist or is damaged."""
        if (self.folder / id_).exists():
            try:
                return self._load(id_)
            except (OSError, SnapshotError):
                self._index.update({id_: None})  # an incomplete or damaged snapshot is not listed
        raise ResourceNotFound(f"There is no snapshot {id_}. GET /v1/snapshots lists all snapshots.")

    def shard(self, id_: str, shard: int) -> tuple[Path, str]:
        """Return (the path of the file of a shard, its digest).

        Raises ResourceNotFound if the snapshot does not exist or is damaged.
        """
        snapshot, _ = self.get(id_)
        return self.folder / id_ / shards.name(shard), snapshot.shards[shard].digest

    def all(self) -> list[Summary]:
        """Return the summaries of all snapshots. The snapshot with the highest position is first."""
        return sorted(self._index.listed(self._summary), key=lambda summary: (-summary.position, summary.id))

    def add(self, id_: str) -> None:
        """Add a snapshot that was just built to the index."""
        self._index.update({id_: self._summary(id_)})

    def _summary(self, id_: str) -> Summary | None:
        """Return the summary of a snapshot from its manifest. Return None if the manifest is missing or damaged."""
        try:
            snapshot, _ = self._manifest(id_)
        except (OSError, SnapshotError):
            return None
        return Summary(**snapshot.model_dump(exclude={"shards", "form", "digest"}), bytes=snapshot.bytes)

    def _load(self, id_: str) -> tuple[Snapshot, bytes]:
        """Return (the manifest, its bytes), after all files were compared with the manifest once.

        Raises OSError if a file is missing, and SnapshotError if a file is damaged.
        """
        snapshot, content = self._manifest(id_)
        if id_ not in self._checked:
            for shard in range(shards.SHARDS):
                name = shards.name(shard)
                manifest.check((self.folder / id_ / name).read_bytes(), shard, snapshot, name)
            self._checked.add(id_)
            if self._index.is_damaged(id_):  # another process has read it while it was being built again
                self.add(id_)
        return snapshot, content

    def _read_manifest(self, id_: str) -> tuple[Snapshot, bytes]:
        content = (self.folder / id_ / manifest.FILE).read_bytes()
        return manifest.read(content), content
