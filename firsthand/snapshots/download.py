"""Download a snapshot into a folder. The folder is replaced only if all files are complete and match the manifest.

The registry is not trusted. It names no files: the names are those of this format. Each file is read up to the size
that the manifest announces, and a snapshot that does not fit on the disk is refused before its first file.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from firsthand.errors import SnapshotError
from firsthand.files import atomic
from firsthand.schemas.snapshots import Snapshot
from firsthand.snapshots import manifest, shards

#: A function that downloads a path below the URL of the snapshot, with at most so many bytes. "" is its manifest.
Fetch = Callable[[str, int], bytes]

#: The largest manifest, in bytes. It has 256 entries of about 150 bytes.
_MAX_MANIFEST = 2**20


def pull(fetch: Fetch, id: str, folder: Path, progress: Callable[[int], None] = lambda _: None) -> Snapshot:
    """Download the snapshot with this id into `folder`, and return its manifest.

    `progress` is called with the bytes of each shard.

    Shards are first written to a second folder next to `folder`, which replaces `folder` when all shards are complete.
    If a download stops, run it again: it continues. Complete shards in either folder are not downloaded again.
    Raises SnapshotError if `folder` contains other files, if a shard does not match the manifest, if the manifest is
    that of another snapshot, or if the disk is too small.
    """
    is_snapshot = folder.is_dir() and ((folder / manifest.FILE).exists() or not any(folder.iterdir()))
    if folder.exists() and not is_snapshot:
        raise SnapshotError(f"{folder} holds files that are not a snapshot; choose another folder, or empty this one")
    content = fetch("", _MAX_MANIFEST)
    snapshot = manifest.read(content)
    if snapshot.id != id:
        raise SnapshotError(f"the registry sent the manifest of the snapshot {snapshot.id} instead of {id}; try again")
    beside = folder.with_name(f".{folder.name}.part")
    beside.mkdir(parents=True, exist_ok=True)
    _check_space(beside, snapshot)
    for shard in range(shards.SHARDS):
        _get(fetch, shard, snapshot, beside, folder)
        progress(snapshot.shards[shard].bytes)
    atomic.write_bytes(beside / manifest.FILE, content)
    _replace(folder, beside)
    return snapshot


def _check_space(folder: Path, snapshot: Snapshot) -> None:
    """Raise SnapshotError if the rest of the snapshot does not fit on the disk."""
    present = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    free = shutil.disk_usage(folder).free
    if snapshot.bytes > present + free:
        raise SnapshotError(
            f"the snapshot {snapshot.id} has {snapshot.bytes:,} bytes, and the disk of {folder} has {free:,} free"
            " bytes; free space, or choose another folder"
        )


def _get(fetch: Fetch, shard: int, snapshot: Snapshot, beside: Path, folder: Path) -> None:
    name = shards.name(shard)
    if _complete(beside / name, shard, snapshot) is not None:
        return
    content = _complete(folder / name, shard, snapshot)
    if content is None:
        content = fetch(f"/shards/{shard:02x}", snapshot.shards[shard].bytes)
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
