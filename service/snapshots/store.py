"""Snapshots on disk: a folder each, named by its id, which appears when it is whole and never changes."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.digests import to_text
from firsthand.errors import SnapshotError
from firsthand.schemas.snapshots import NewSnapshot, Snapshot, Summary
from firsthand.snapshots import Subject, manifest, shards
from service.claims.catalog import View
from service.errors import NotFound
from service.storage import tables


def subject_at(session: Session, view: View, asked: NewSnapshot) -> Subject:
    """What is asked for, at the view's position."""
    place = tables.statements.c
    digest: bytes | None = session.scalar(select(place.digest).where(place.position == view.position))
    return Subject(view.position, None if digest is None else to_text(digest), asked.policy, asked.bits)


class Store:
    """The snapshots in a folder.

    A process compares the files of each with its manifest once, before it says that it is there: so a machine that
    lost its power needs no files that were synced, and one that was damaged is built anew when it is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = lru_cache(64)(self._load)

    def has(self, id_: str) -> bool:
        """Whether a snapshot is there, and whole."""
        try:
            self.get(id_)
        except NotFound:
            return False
        return True

    def get(self, id_: str) -> tuple[Snapshot, bytes]:
        """The manifest, and its bytes. Raises NotFound, also where its folder was deleted since."""
        try:
            if (self.folder / id_).exists():
                return self._kept(id_)
        except (OSError, SnapshotError):
            pass  # half copied, or damaged: as good as not there
        raise NotFound(f"There is no snapshot {id_}: /v1/snapshots lists those that there are.")

    def shard(self, id_: str, shard: int) -> tuple[Path, str]:
        """(the file of a shard, its digest). Raises NotFound."""
        known, _ = self.get(id_)
        return self.folder / id_ / shards.name(shard), known.shards[shard].digest

    def all(self) -> list[Summary]:
        """Every snapshot, that of the highest position first."""
        ids = [path.parent.name for path in self.folder.glob(f"*/{manifest.FILE}") if path.parent.name[0] != "."]
        known = [self.get(id_)[0] for id_ in ids if self.has(id_)]
        told = [Summary(**one.model_dump(exclude={"shards", "form", "digest"}), bytes=one.bytes) for one in known]
        return sorted(told, key=lambda summary: (-summary.position, summary.id))

    def _load(self, id_: str) -> tuple[Snapshot, bytes]:
        folder = self.folder / id_
        content = (folder / manifest.FILE).read_bytes()
        known = manifest.read(content)
        for shard in range(shards.SHARDS):
            name = shards.name(shard)
            manifest.check((folder / name).read_bytes(), shard, known, name)
        return known, content
