"""The manifest of a snapshot, `manifest.json`: its source, its counts, and the digest of each shard."""

import json
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from firsthand.core import canonical
from firsthand.core.digests import to_text
from firsthand.core.verdicts import PolicyName
from firsthand.errors import SnapshotError
from firsthand.schemas.models import OriginCounts
from firsthand.schemas.snapshots import DEFAULT_BITS, FORM, Bits, Shard, Snapshot

FILE = "manifest.json"

_PULL_AGAIN = "download the snapshot again"


@dataclass(frozen=True)
class Subject:
    """The contents of a snapshot: position, policy and bits. The same registry builds the same files for them."""

    position: int
    #: The digest of the statement at the position, `sha256:…`. It differs between registries.
    statement: str | None
    policy: PolicyName = "strict"
    bits: Bits = DEFAULT_BITS

    @property
    def id(self) -> str:
        return sha256(canonical.encode({"form": FORM, **asdict(self)})).hexdigest()[:32]


def write(subject: Subject, counts: OriginCounts, shards: list[Shard]) -> bytes:
    """Return the bytes of a manifest file."""
    fields: dict[str, Any] = {
        "form": FORM,
        "id": subject.id,
        **asdict(subject),
        "counts": counts.model_dump(),
        "shards": [shard.model_dump() for shard in shards],
    }
    return canonical.encode(fields | {"digest": _digest(fields)})


def read(content: bytes) -> Snapshot:
    """Parse a manifest. Raises SnapshotError if the bytes are not a manifest, or were changed after it was written."""
    try:
        fields = json.loads(content)
        _check_form(fields)
        snapshot = Snapshot.model_validate(fields)
        digest = _digest({name: value for name, value in fields.items() if name != "digest"})
    except (ValueError, RecursionError):  # a hostile registry can send any bytes, also deeply nested ones
        raise SnapshotError(f"{FILE} is not the manifest of a snapshot; {_PULL_AGAIN}") from None
    subject = Subject(snapshot.position, snapshot.statement, snapshot.policy, snapshot.bits)
    if digest != snapshot.digest or snapshot.id != subject.id:
        raise SnapshotError(f"{FILE} was changed after it was written: its digest is wrong; {_PULL_AGAIN}")
    return snapshot


def _check_form(fields: Any) -> None:
    """Raise SnapshotError if the manifest has another version of the format than `FORM`."""
    form = fields.get("form") if isinstance(fields, dict) else None
    if isinstance(form, str) and re.fullmatch(r"firsthand snapshot [0-9]{1,9}", form) and form != FORM:
        raise SnapshotError(
            f"{FILE} has the form `{form}`, and this version reads `{FORM}` only; {_PULL_AGAIN}. If the registry offers"
            " only older ones, let an administrator build one with: firsthand snapshot create"
        )


def load(folder: Path) -> Snapshot:
    """Return the manifest in a folder. Raises SnapshotError if there is none, or if it is damaged."""
    try:
        return read((folder / FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise SnapshotError(
            f"{folder} is not a snapshot: it has no {FILE}. Download one with: firsthand snapshot pull --out {folder}"
        ) from None


def check(content: bytes, shard: int, snapshot: Snapshot, name: str) -> None:
    """Raise SnapshotError, with the name of the file, if the bytes of a shard do not match the manifest."""
    expected = snapshot.shards[shard]
    if len(content) != expected.bytes:
        raise SnapshotError(f"{name} has {len(content):,} bytes instead of {expected.bytes:,}; {_PULL_AGAIN}")
    if to_text(sha256(content).digest()) != expected.digest:
        raise SnapshotError(f"{name} is damaged: its SHA-256 is not the one in the manifest; {_PULL_AGAIN}")


def _digest(fields: dict[str, Any]) -> str:
    return to_text(sha256(canonical.encode(fields)).digest())
