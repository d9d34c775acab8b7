"""Download a snapshot into a folder. The folder is replaced only if all files are complete and match the manifest.

The registry is not trusted. It cannot choose file names: the format defines them. Each file is read only up to the size
in the manifest. If a snapshot does not fit on the disk, an error is raised before its first file is downloaded.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from firsthand.errors import SnapshotError
from firsthand.files import atomic
from firsthand.schemas.snapshots import Snapshot
from firsthand.snapshots import manifest, shards

#: A function that downloads a path below the URL of the snapshot. The path "" is the manifest. The second argument is
#: the maximum number of bytes.
Fetch = Callable[[str, int], bytes]

#: The largest manifest, in bytes. It has 256 entries of about 150 bytes.
_MAX_MANIFEST = 2**20


def pull(fetch: Fetch, id: str, folder: Path, progress: Callable[[int], None] = lambda _: None) -> Snapshot:
    """Download the snapshot with this id into `folder`, and return its manifest.

    `progress` is called with the number of bytes of each shard.

    Shards are first written to a temporary folder next to `folder`. It replaces `folder` when all shards are complete.
    If a download stops, run it again: it resumes. Complete shards in either folder are not downloaded again. Raises
    SnapshotError if `folder` contains other files, if a shard does not match the manifest, if the manifest is that of
    another snapshot, or if the disk has too little free space.
    """
    is_snapshot = folder.is_dir() and ((folder / manifest.FILE).exists() or not any(folder.iterdir()))
    if folder.exists() and not is_snapshot:
        raise SnapshotError(
            f"{folder} has files that are not part of a snapshot; choose another folder, or remove these files"
        )
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
    """Raise SnapshotError if the shards that are not downloaded yet do not fit on the disk of `folder`."""
    present = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    free = shutil.disk_usage(folder).free
    if snapshot.bytes > present + free:
        raise SnapshotError(
            f"the snapshot {snapshot.id} has {snapshot.bytes:,} bytes, but the disk of {folder} has only {free:,}"
            " free bytes; free space, or choose another folder"
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
    """Return the content of the file `path` if it is this shard of the manifest. Otherwise return None."""
    try:
        content = path.read_bytes()
        manifest.check(content, shard, snapshot, path.name)
    except (FileNotFoundError, NotADirectoryError, SnapshotError):
        return None
    return content


def _replace(folder: Path, by: Path) -> None:
    """Replace `folder` by the folder `by`, with two renames.

    If the process is killed between them, `folder` is missing, and the next download creates it again.
    """
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(by, folder)
    shutil.rmtree(old, ignore_errors=True)
