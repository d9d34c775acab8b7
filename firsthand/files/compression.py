"""Packed files, by the end of their names: `.gz` and `.zst`, read and written by the codecs that pyarrow carries."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from firsthand.errors import ContentError
from firsthand.files.locations import Place, opened

CODECS = {".gz": "gzip", ".zst": "zstd"}


def codec(name: str) -> str | None:
    """The codec that a file's name says it is packed with."""
    return next((known for end, known in CODECS.items() if name.lower().endswith(end)), None)


@contextmanager
def reading(place: Place) -> Iterator[IO[bytes]]:
    """A file's content, unpacked. What cannot be read or unpacked is a ContentError that names the file."""
    try:
        with opened(place) as file:
            yield file if codec(place.name) is None else _unpacked(file, place.name)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise ContentError(f"{place} cannot be read: {error}") from None


@contextmanager
def writing(path: Path, like: Place) -> Iterator[IO[bytes]]:
    """A new file, packed as `like` is by its name. The same content is the same bytes: no name, no time inside."""
    with path.open("wb") as file:
        packing = codec(like.name)
        if packing is None:
            yield file
            return
        with pa.CompressedOutputStream(pa.PythonFile(file, mode="w"), packing) as packed:
            yield packed


def _unpacked(file: IO[bytes], name: str) -> IO[bytes]:
    stream: Any = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec(name))
    return io.BufferedReader(_Raw(stream), 2**20)


class _Raw(io.RawIOBase):
    """Arrow's stream as Python's layers above raw files take one."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return int(self._stream.readinto(buffer))
