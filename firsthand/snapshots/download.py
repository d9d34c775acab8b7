"""Download a snapshot into a folder. The folder is replaced only if all files are complete and match the manifest."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from firsthand.errors import SnapshotError
from firsthand.files import atomic
from firsthand.schemas.snapshots import Snapshot
from firsthand.snapshots import manifest, shards

#: A function that downloads a path below the URL of the snapshot. The path "" is its manifest.
Fetch = Callable[[str], bytes]


def pull(fetch: Fetch, folder: Path, progress: Callable[[int], None] = lambda _: None) -> Snapshot:
    """Download a snapshot into `folder`, and return its manifest. `progress` gets the number of bytes of each shard.

    Shards are first written to a second folder next to `folder`, which replaces `folder` when all shards are complete.
    If a download stops, run it again: it continues. Complete shards in either folder are not downloaded again.
    Raises SnapshotError if `folder` contains other files, or if a shard does not match the manifest.
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
    """Return the content of a file if it matches this shard in the manifest, otherwise None."""
    try:
        content = path.read_bytes()
        manifest.check(content, shard, snapshot, path.name)
    except (FileNotFoundError, NotADirectoryError, SnapshotError):
        return None
    return content


def _replace(folder: Path, by: Path) -> None:
    """Replace a folder, in two steps. If the process is killed between the steps, the next download repairs this."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(by, folder)
    shutil.rmtree(old, ignore_errors=True)
