"""The members of a compressed file with their positions: gzip members and zstd frames.

The format WARC needs the positions, because in a compressed archive each record is a member, which is copied unchanged.
"""

import io
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from firsthand.files import compression

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
#: The last three bytes of the magic numbers of frames without content, 0x184D2A50 to 0x184D2A5F, little-endian (RFC
#: 8878, section 3.1.2).
_SKIPPABLE = b"\x2a\x4d\x18"

#: The maximum size of the decompressed content of a member, in bytes. It limits the memory that a small file can use.
LARGEST = 2**31 - 1
_CHUNK = 2**18


class Member(NamedTuple):
    """A member of a compressed file: its offset and length in the file, and its decompressed content."""

    offset: int
    length: int
    content: bytes


def of(file: IO[bytes]) -> Iterator[Member] | None:
    """Return the members of a file. Return None if the file is not compressed, according to its first bytes.

    If a member is damaged, the iterator raises ValueError or an error of `compression.ERRORS`.
    """
    start = file.read(4)
    file.seek(0)
    if start.startswith(GZIP_MAGIC):
        return _gzip(file)
    return _zstd(file) if start == ZSTD_MAGIC or _is_skippable(start) else None


def _gzip(file: IO[bytes]) -> Iterator[Member]:
    offset, data = 0, b""
    while True:
        if not data and not (data := file.read(_CHUNK)):
            return
        if offset:  # zero bytes may follow a member
            content = data.lstrip(b"\0")
            offset, data = offset + len(data) - len(content), content
            if not data:
                continue
        decompressor, parts, length, size = zlib.decompressobj(compression.GZIP_WINDOW), [], 0, 0
        while not decompressor.eof:
            if not data and not (data := file.read(_CHUNK)):
                raise EOFError(f"the record at byte {offset:,} is incomplete")
            try:
                parts.append(decompressor.decompress(data, LARGEST - size + 1))
            except zlib.error as error:
                raise ValueError(f"the record at byte {offset:,} is damaged: {error}") from None
            size += len(parts[-1])
            if size > LARGEST:
                raise ValueError(f"the record at byte {offset:,} has more than {LARGEST >> 30} GiB")
            remaining = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
            length += len(data) - len(remaining)
            data = remaining
        yield Member(offset, length, b"".join(parts))
        offset += length


def _zstd(file: IO[bytes]) -> Iterator[Member]:
    offset = 0
    while start := file.read(4):
        if _is_skippable(start):
            size = int.from_bytes(_exactly(file, 4, offset), "little")
            if offset == 0 and size:
                raise ValueError(
                    "it is compressed with a zstd dictionary, which is in its first frame. Compress it again without "
                    "a dictionary, each record as a gzip member, for example with zstdcat and warcio"
                )
            _exactly(file, size, offset)
            offset += 8 + size
            continue
        if start != ZSTD_MAGIC:
            raise ValueError(f"there is no zstd frame at byte {offset:,}")
        frame = start + _frame(file, offset)
        content = compression.decompressed(io.BytesIO(frame), "zstd").read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"the record at byte {offset:,} has more than {LARGEST >> 30} GiB")
        yield Member(offset, len(frame), content)
        offset += len(frame)


def _is_skippable(start: bytes) -> bool:
    return len(start) == 4 and start[0] >> 4 == 5 and start[1:] == _SKIPPABLE


def _frame(file: IO[bytes], offset: int) -> bytes:
    """Read a zstd frame after its magic number. Return these bytes (RFC 8878, section 3.1.1)."""
    descriptor = _exactly(file, 1, offset)
    flags = descriptor[0]
    is_single_segment = flags >> 5 & 1
    header = (0 if is_single_segment else 1) + (0, 1, 2, 4)[flags & 3]
    header += (is_single_segment, 2, 4, 8)[flags >> 6]
    parts = [descriptor, _exactly(file, header, offset)]
    is_last = False
    while not is_last:
        parts.append(_exactly(file, 3, offset))
        block = int.from_bytes(parts[-1], "little")
        is_last = bool(block & 1)
        is_one_byte_repeated = block >> 1 & 3 == 1
        parts.append(_exactly(file, 1 if is_one_byte_repeated else block >> 3, offset))
    if flags >> 2 & 1:
        parts.append(_exactly(file, 4, offset))  # the checksum
    return b"".join(parts)


def _exactly(file: IO[bytes], size: int, offset: int) -> bytes:
    content = exactly(file, size)
    if len(content) < size:
        raise EOFError(f"the record at byte {offset:,} is incomplete")
    return content


def exactly(file: IO[bytes], size: int) -> bytes:
    """Return the next `size` bytes, or fewer at the end of the file.

    The memory depends on the bytes in the file, not on `size`, which a damaged header can make very large.
    """
    parts, remaining = [], size
    while remaining and (part := file.read(min(remaining, 2**24))):
        parts.append(part)
        remaining -= len(part)
    return b"".join(parts)
