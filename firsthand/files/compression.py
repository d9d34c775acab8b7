"""Compressed files (`.gz`, `.zst`), read and written with the codecs of pyarrow."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from firsthand.errors import ContentError
from firsthand.files.locations import Location, open_binary

#: The suffix of a compressed file → the name of its codec in pyarrow.
CODECS = {".gz": "gzip", ".zst": "zstd"}


def codec(name: str) -> str | None:
    """Return the name of the codec for a file name; None if the suffix is not that of a compressed file."""
    return next((codec for suffix, codec in CODECS.items() if name.lower().endswith(suffix)), None)


@contextmanager
def reading(location: Location) -> Iterator[IO[bytes]]:
    """Yield the decompressed content of a file. Raises ContentError, with the file's name, if it cannot be read."""
    try:
        with open_binary(location) as file:
            yield file if codec(location.name) is None else _decompressed(file, location.name)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise ContentError(
            f"{location} cannot be read: {error}. Check that the file is complete, and that you may read it"
        ) from None


@contextmanager
def writing(path: Path, like: Location) -> Iterator[IO[bytes]]:
    """Yield a new file to write to. It is compressed if the suffix of `like` is that of a compressed file.

    The same content gives the same bytes, because the compressed file contains no name and no time.
    """
    with path.open("wb") as file:
        codec_name = codec(like.name)
        if codec_name is None:
            yield file
            return
        with pa.CompressedOutputStream(pa.PythonFile(file, mode="w"), codec_name) as compressed:
            yield compressed


def _decompressed(file: IO[bytes], name: str) -> IO[bytes]:
    stream: Any = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec(name))
    return io.BufferedReader(_ArrowStream(stream), 2**20)


class _ArrowStream(io.RawIOBase):
    """A stream of Arrow with the interface of a raw file, which Python's buffered reader needs."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return int(self._stream.readinto(buffer))
