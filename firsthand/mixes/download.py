"""Download the items of a mix into a file. The file gets its name only if its items match the digest of the mix."""

import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from firsthand.client import Client
from firsthand.core.digests import SIZE, Digests, from_texts, to_bytes, to_text
from firsthand.core.media_types import ARROW, NDJSON, PARQUET, RAW
from firsthand.errors import NotUnderstood
from firsthand.files import atomic
from firsthand.schemas.mixes import Mix

#: Suffixes of files → media types. Files with other suffixes have one line of text per item.
MEDIA_TYPES = {".bin": RAW, ".arrow": ARROW, ".arrows": ARROW, ".parquet": PARQUET, ".jsonl": NDJSON, ".ndjson": NDJSON}

_ROWS = 2**15
#: The maximum size of the file of a mix: a fixed number of bytes, plus a number of bytes per item. A line of JSON has
#: about 170 bytes.
_MOST_BYTES, _MOST_BYTES_PER_ITEM = 2**24, 1_024


def download(client: Client, mix: Mix, out: Path, progress: Callable[[int], None]) -> None:
    """Write the items of a mix into `out`, in the order of the mix. Raises NotUnderstood if their digest is wrong.

    The file is read again before it gets its name, so a Parquet or Arrow file is complete and readable. `progress` is
    called with the number of items of each batch that was read again.
    """
    with atomic.replacing(out) as temporary:
        with temporary.open("wb") as file:
            for piece in _pieces(client, mix, out.suffix):
                file.write(piece)
        digest = hashlib.sha256()
        for digests in _read(temporary, out.suffix):
            digest.update(digests.tobytes())
            progress(len(digests))
        if to_text(digest.digest()) != mix.digest:
            raise NotUnderstood(
                f"The received items are not the mix {mix.id}: their digest is wrong. Download the mix again."
            )


def _pieces(client: Client, mix: Mix, suffix: str) -> Iterator[bytes]:
    if suffix in MEDIA_TYPES:
        return client.mix_file(str(mix.id), MEDIA_TYPES[suffix], _MOST_BYTES + mix.items * _MOST_BYTES_PER_ITEM)
    parts = client.mix_digests(str(mix.id), mix.items)
    lines = ("".join(f"{to_text(digest)}\n" for digest in to_bytes(digests)) for digests in parts)
    return (piece.encode() for piece in lines)


def _read(path: Path, suffix: str) -> Iterator[Digests]:
    """Yield the digests in a file, as arrays `uint8[k, 32]`."""
    media_type = MEDIA_TYPES.get(suffix)
    if media_type == RAW:
        return _raw(path)
    if media_type == NDJSON:
        return _texts(path, lambda line: json.loads(line)["digest"])
    return _texts(path, bytes.decode) if media_type is None else _columns(path, media_type)


def _raw(path: Path) -> Iterator[Digests]:
    with path.open("rb") as file:
        while piece := file.read(_ROWS * SIZE):
            yield np.frombuffer(piece[: len(piece) // SIZE * SIZE], dtype=np.uint8).reshape(-1, SIZE)


def _texts(path: Path, digest: Callable[[bytes], str]) -> Iterator[Digests]:
    with path.open("rb") as file:
        while lines := list(islice(file, _ROWS)):
            yield from_texts(digest(line).strip() for line in lines)


def _columns(path: Path, media_type: str) -> Iterator[Digests]:
    try:
        with pa.OSFile(str(path)) as file:
            batches = (
                parquet.ParquetFile(file, pre_buffer=False).iter_batches(_ROWS)
                if media_type == PARQUET
                else pa.ipc.open_stream(file)
            )
            for batch in batches:
                column = batch.column("digest")
                values = np.frombuffer(column.buffers()[1], dtype=np.uint8)
                yield values[column.offset * SIZE : (column.offset + len(column)) * SIZE].reshape(-1, SIZE)
    except pa.ArrowException as error:
        raise NotUnderstood(f"The received file is not complete ({error}). Download the mix again.") from None
