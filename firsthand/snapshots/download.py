"""Downloading a snapshot into a folder: whole and compared with its manifest, or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from firsthand.errors import SnapshotError
from firsthand.schemas.snapshots import Snapshot
from firsthand.snapshots import manifest, shards

#: A path under the snapshot's own, "" for its manifest → what the registry answers.
Fetch = Callable[[str], bytes]


def pull(fetch: Fetch, folder: Path, progress: Callable[[int], None] = lambda _: None) -> Snapshot:
    """Make `folder` hold the snapshot; `progress` is told the bytes of each shard that is there.

    Shards arrive in a folder beside, which takes the place of `folder` once all are whole. One that broke off is just
    run again: what had arrived whole, and what `folder` holds of it already, is not fetched a second time. Raises
    SnapshotError where `folder` holds something else, or where what arrives is not what the manifest says.
    """
    _check_free(folder)
    content = fetch("")
    known = manifest.read(content)
    beside = folder.with_name(f".{folder.name}.part")
    beside.mkdir(parents=True, exist_ok=True)
    for shard in range(shards.SHARDS):
        _get(fetch, shard, known, beside, folder)
        progress(known.shards[shard].bytes)
    _write(beside / manifest.FILE, content)
    _replace(folder, beside)
    return known


def _check_free(folder: Path) -> None:
    """Only a snapshot, or nothing, is replaced."""
    if folder.is_dir() and ((folder / manifest.FILE).exists() or not any(folder.iterdir())):
        return
    if folder.exists():
        raise SnapshotError(f"{folder} holds something that is no snapshot; name another folder, or empty this one")


def _get(fetch: Fetch, shard: int, known: Snapshot, beside: Path, folder: Path) -> None:
    name = shards.name(shard)
    if _whole(beside / name, shard, known) is not None:
        return
    content = _whole(folder / name, shard, known)
    if content is None:
        content = fetch(f"/shards/{shard:02x}")
        manifest.check(content, shard, known, name)
    _write(beside / name, content)


def _whole(path: Path, shard: int, known: Snapshot) -> bytes | None:
    """A file's bytes, where they are those of the manifest."""
    try:
        content = path.read_bytes()
        manifest.check(content, shard, known, path.name)
    except (FileNotFoundError, NotADirectoryError, SnapshotError):
        return None
    return content


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(folder: Path, by: Path) -> None:
    """A folder in use cannot be replaced in one step; what is killed between the two is made good by the next pull."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(by, folder)
    shutil.rmtree(old, ignore_errors=True)
