"""Download a snapshot into a folder: complete and compared with its manifest, or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from firsthand.errors import SnapshotError
from firsthand.files import atomic
from firsthand.schemas.snapshots import Snapshot
from firsthand.snapshots import manifest, shards

#: Fetches a path below the URL of the snapshot; "" is its manifest.
Fetch = Callable[[str], bytes]


def pull(fetch: Fetch, folder: Path, progress: Callable[[int], None] = lambda _: None) -> Snapshot:
    """Download a snapshot into `folder` and return its manifest. `progress` gets the bytes of each complete shard.

    Shards are first written to a folder beside `folder`, which replaces it when all are complete. If a download stops,
    run it again: it fetches only the shards that are complete in neither folder. Raises SnapshotError if `folder` holds
    other files, or if a shard is not the one in the manifest.
    """
    is_snapshot = folder.is_dir() and ((folder / manifest.FILE).exists() or not any(folder.iterdir()))
    if folder.exists() and not is_snapshot:
        raise SnapshotError(f"{folder} holds files that are not a snapshot; choose another folder, or empty this one")
    content = fetch("")
    snapshot = manifest.read(content)
    beside = folder.with_name(f".{folder.name}.part")
    beside.mkdir(parents=True, exist_ok=True)
    for shard in range(shards.SHARDS):
        _get(fetch, shard, snapshot, beside, folder)
        progress(snapshot.shards[shard].bytes)
    atomic.write_bytes(beside / manifest.FILE, content)
    _replace(folder, beside)
    return snapshot


def _get(fetch: Fetch, shard: int, snapshot: Snapshot, beside: Path, folder: Path) -> None:
    name = shards.name(shard)
    if _complete(beside / name, shard, snapshot) is not None:
        return
    content = _complete(folder / name, shard, snapshot)
    if content is None:
        content = fetch(f"/shards/{shard:02x}")
        manifest.check(content, shard, snapshot, name)
    atomic.write_bytes(beside / name, content)


def _complete(path: Path, shard: int, snapshot: Snapshot) -> bytes | None:
    """Return the content of a file if it is the shard in the manifest, otherwise None."""
    try:
        content = path.read_bytes()
        manifest.check(content, shard, snapshot, path.name)
    except (FileNotFoundError, NotADirectoryError, SnapshotError):
        return None
    return content


def _replace(folder: Path, by: Path) -> None:
    """Replace a folder, in two steps. If the process is killed between them, the next download repairs it."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(by, folder)
    shutil.rmtree(old, ignore_errors=True)
