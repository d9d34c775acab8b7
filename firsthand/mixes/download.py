"""A mix → a file, in the form that its name asks for, compared with the mix's own digest before it appears."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from firsthand.client import Client
from firsthand.core.digests import SIZE, Digests, from_texts, to_bytes, to_text
from firsthand.core.media_types import ARROW, NDJSON, PARQUET, RAW
from firsthand.errors import NotUnderstood
from firsthand.schemas.mixes import Mix

#: By a file's ending: the form in which it holds columns. Any other name holds a line of text for each item.
FORMS = {".bin": RAW, ".arrow": ARROW, ".arrows": ARROW, ".parquet": PARQUET, ".jsonl": NDJSON, ".ndjson": NDJSON}

_ROWS = 2**15


def download(client: Client, known: Mix, out: Path, progress: Callable[[int], None]) -> None:
    """Write the items of a mix, in its order. Raises NotUnderstood where what arrives is not the mix.

    It is read back from the file, so a Parquet or Arrow file that stands is whole and can be read. `progress` is told
    of items that were read back.
    """
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            for piece in _pieces(client, str(known.id), out.suffix):
                file.write(piece)
        digest = hashlib.sha256()
        for digests in _read(temporary, out.suffix):
            digest.update(digests.tobytes())
            progress(len(digests))
        if to_text(digest.digest()) != known.digest:
            raise NotUnderstood(f"what arrived is not the mix {known.id}: its digest is another; download it again")
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)


def _pieces(client: Client, id: str, suffix: str) -> Iterator[bytes]:
    if suffix in FORMS:
        return client.mix_file(id, FORMS[suffix])
    lines = ("".join(f"{to_text(digest)}\n" for digest in to_bytes(digests)) for digests in client.mix_digests(id))
    return (piece.encode() for piece in lines)


def _read(path: Path, suffix: str) -> Iterator[Digests]:
    """The digests that a file holds, some at a time."""
    form = FORMS.get(suffix)
    if form == RAW:
        return _raw(path)
    if form == NDJSON:
        return _texts(path, lambda line: json.loads(line)["digest"])
    return _texts(path, bytes.decode) if form is None else _columns(path, form)


def _raw(path: Path) -> Iterator[Digests]:
    with path.open("rb") as file:
        while piece := file.read(_ROWS * SIZE):
            yield np.frombuffer(piece[: len(piece) // SIZE * SIZE], dtype=np.uint8).reshape(-1, SIZE)


def _texts(path: Path, digest: Callable[[bytes], str]) -> Iterator[Digests]:
    with path.open("rb") as file:
        while lines := list(islice(file, _ROWS)):
            yield from_texts(digest(line).strip() for line in lines)


def _columns(path: Path, form: str) -> Iterator[Digests]:
    import pyarrow as pa  # as long to import as all else: only for files that it reads
    from pyarrow import parquet

    try:
        with pa.OSFile(str(path)) as file:
            batches = (
                parquet.ParquetFile(file, pre_buffer=False).iter_batches(_ROWS)
                if form == PARQUET
                else pa.ipc.open_stream(file)
            )
            for batch in batches:
                column = batch.column("digest")
                held = np.frombuffer(column.buffers()[1], dtype=np.uint8)
                yield held[column.offset * SIZE : (column.offset + len(column)) * SIZE].reshape(-1, SIZE)
    except pa.ArrowException as error:
        raise NotUnderstood(f"what arrived is not whole ({error}); download it again") from None
