"""The manifest: `manifest.json` beside the shards."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firsthand.core import canonical
from firsthand.core.digests import to_text
from firsthand.core.verdicts import PolicyName
from firsthand.errors import SnapshotError
from firsthand.schemas.models import OriginCounts
from firsthand.schemas.snapshots import FORM, Shard, Snapshot
from firsthand.snapshots.binary_fuse import Bits

FILE = "manifest.json"


@dataclass(frozen=True)
class Subject:
    """What a snapshot is of: the same registry gives the same files for it, whenever it is built."""

    position: int
    #: The digest of the statement at the position, `sha256:…`: another registry has another one there.
    statement: str | None
    policy: PolicyName = "strict"
    bits: Bits = 12

    @property
    def id(self) -> str:
        return sha256(canonical.encode({"form": FORM, **asdict(self)})).hexdigest()[:32]


def write(subject: Subject, counts: OriginCounts, shards: list[Shard]) -> bytes:
    """The bytes of a manifest."""
    said: dict[str, Any] = {
        "form": FORM,
        "id": subject.id,
        **asdict(subject),
        "counts": counts.model_dump(),
        "shards": [shard.model_dump() for shard in shards],
    }
    return canonical.encode(said | {"digest": _digest(said)})


def read(content: bytes) -> Snapshot:
    """A manifest out of its bytes. Raises SnapshotError where it is none, or not as it was written."""
    try:
        said = json.loads(content)
        known = Snapshot.model_validate(said)
    except (ValueError, ValidationError):
        raise SnapshotError(f"{FILE} is no manifest of a snapshot of this form; pull the snapshot anew") from None
    rest = {name: value for name, value in said.items() if name != "digest"}
    if _digest(rest) != known.digest or known.id != _subject(known).id:
        raise SnapshotError(f"{FILE} is not as it was written: its digest is another; pull the snapshot anew")
    return known


def load(folder: Path) -> Snapshot:
    """The manifest in a folder. Raises SnapshotError."""
    try:
        return read((folder / FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise SnapshotError(
            f"{folder} holds no snapshot (there is no {FILE}); get one with: firsthand snapshot pull --out {folder}"
        ) from None


def check(content: bytes, shard: int, known: Snapshot, name: str) -> None:
    """Raises SnapshotError naming the shard's file where its bytes are not those of the manifest."""
    said = known.shards[shard]
    if len(content) != said.bytes:
        raise SnapshotError(f"{name} has {len(content):,} bytes in place of {said.bytes:,}; pull the snapshot again")
    if to_text(sha256(content).digest()) != said.digest:
        raise SnapshotError(f"{name} is damaged: its SHA-256 is not that of the manifest; pull the snapshot again")


def _subject(known: Snapshot) -> Subject:
    return Subject(known.position, known.statement, known.policy, known.bits)


def _digest(said: dict[str, Any]) -> str:
    return to_text(sha256(canonical.encode(said)).digest())
