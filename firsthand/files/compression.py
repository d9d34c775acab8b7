"""Read and write compressed files (`.gz`, `.zst`, `.bz2`, `.xz`).

Python's own modules decompress gzip, bzip2 and xz: all members of a file are read. Zero bytes after a member, which
tapes and block devices add, are skipped. pyarrow decompresses zstd.
"""

import bz2
import io
import lzma
import shlex
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from firsthand.errors import ContentError
from firsthand.files.locations import Location, ReadMeter, open_binary

#: The suffix of a compressed file → the name of its codec.
CODECS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}

#: The most memory for the dictionary of an xz file, in bytes. `xz -9` needs 65 MiB.
_XZ_MEMORY = 2**30
#: The number of compressed bytes that are read at once.
_CHUNK = 2**18
#: zlib's number for the gzip format with any window.
GZIP_WINDOW = 31

#: The errors that can occur while a compressed file is read.
ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)

_NEW_DECOMPRESSOR: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(GZIP_WINDOW),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY),
}

_PYTHON_WRITERS: dict[str, Callable[..., Any]] = {"bz2": bz2.BZ2File, "xz": lzma.LZMAFile}


def codec(name: str) -> str | None:
    """Return the codec for a file name, such as gzip. Return None if the suffix is not in `CODECS`."""
    return next((codec for suffix, codec in CODECS.items() if name.lower().endswith(suffix)), None)


@contextmanager
def reading(location: Location, meter: ReadMeter | None = None) -> Iterator[IO[bytes]]:
    """Yield the decompressed content of a file. If `meter` is given, it counts the compressed bytes that are read.

    Raises ContentError, with the name of the file, if the file cannot be opened or read. Every error of `ERRORS` that
    is raised in the `with` block counts as an error of this file.
    """
    try:
        with open_binary(location, meter) as file:
            yield file if (name := codec(location.name)) is None else decompressed(file, name)
    except ERRORS as error:
        raise ContentError(f"{location} cannot be read: {reason(error, str(location))}") from None


@contextmanager
def writing(path: Path, like: Location) -> Iterator[IO[bytes]]:
    """Yield a new file `path` to write to. It has the same compression as the file `like`, according to the suffix.

    The same content gives the same bytes, because the compressed file contains no name and no time.
    """
    with path.open("wb") as file:
        codec_name = codec(like.name)
        if codec_name is None:
            yield file
            return
        new_writer = _PYTHON_WRITERS.get(codec_name)
        with new_writer(file, "wb") if new_writer else _arrow_writer(file, codec_name) as compressed:
            yield compressed


def _arrow_writer(file: IO[bytes], codec_name: str) -> Any:
    return pa.CompressedOutputStream(pa.PythonFile(file, mode="w"), codec_name)


def decompressed(file: IO[bytes], codec_name: str) -> io.BufferedReader:
    """Return a stream of the decompressed content of `file`, a file or an HTTP body.

    If the content is damaged, reading the stream raises an error of `ERRORS`.
    """
    if codec_name in _NEW_DECOMPRESSOR:
        return io.BufferedReader(_Members(file, _NEW_DECOMPRESSOR[codec_name]), 2**20)
    stream: Any = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec_name)
    return io.BufferedReader(_ArrowStream(stream), 2**20)


def reason(error: BaseException, name: str) -> str:
    """Return why a compressed file cannot be read, and what the user can do about it."""
    message = " ".join(str(error).split())
    if "requires too much memory" in message:
        return (
            "it was compressed with zstd and a window of more than 128 MiB (--long)."
            f" Decompress it first: zstd --decompress --long=31 {shlex.quote(name)}"
        )
    if "Dictionary mismatch" in message:
        return (
            "it was compressed with zstd and a dictionary."
            f" Decompress it first: zstd --decompress -D DICTIONARY {shlex.quote(name)}"
        )
    return (
        f"{message or type(error).__name__}. Check that the file is complete, and that you have permission to read it"
    )


class _Members(io.RawIOBase):
    """The content of all members of a file (gzip, xz streams, bzip2 streams). Zero bytes after a member are skipped."""

    def __init__(self, file: IO[bytes], new_decompressor: Callable[[], Any]) -> None:
        self._file, self._new = file, new_decompressor
        self._decompressor: Any = None  # None between two members
        self._input = b""
        self._members = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, completely or in part. Return the number of bytes; 0 means the end of the file.

        Raises an error of `ERRORS` if the content is damaged.
        """
        while True:
            if self._decompressor is None and not self._next_member():
                return 0
            if not self._input and getattr(self._decompressor, "needs_input", True):
                self._input = self._file.read(_CHUNK)
                if not self._input:
                    raise EOFError("Truncated compressed stream: the file was cut off")
            content = self._decompressor.decompress(self._input, len(buffer))
            if self._decompressor.eof:
                self._input, self._decompressor = self._decompressor.unused_data, None
            else:  # zlib returns the input that it did not use; bzip2 and xz keep it
                self._input = getattr(self._decompressor, "unconsumed_tail", b"")
            if content:
                buffer[: len(content)] = content
                return len(content)

    def _next_member(self) -> bool:
        """Begin to read the next member. Return False if there is none."""
        while True:
            if self._members:
                self._input = self._input.lstrip(b"\0")
            if self._input:
                break
            self._input = self._file.read(_CHUNK)
            if not self._input:
                return False
        self._decompressor, self._members = self._new(), self._members + 1
        return True


class _ArrowStream(io.RawIOBase):
    """A stream of Arrow as a raw file of Python, because `io.BufferedReader` needs this interface."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return int(self._stream.readinto(buffer))
