"""The body of an HTTP response, decoded as a browser decodes it: first the chunks, then the content encodings.

Many crawlers store a decoded body, but keep the headers that name the encoding. So if a body does not begin like its
encoding, it is used without decoding. If it begins like its encoding and cannot be decoded to its end, it is an error.
"""

import io
import re
import zlib
from collections.abc import Callable

from firsthand.files import compression
from firsthand.files.formats.members import GZIP_MAGIC, LARGEST, ZSTD_MAGIC

_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_NONE = (b"identity", b"none", b"binary", b"8bit", b"7bit", b"utf-8", b"")


def decode(message: bytes, truncated: bool = False) -> bytes:
    """Return the decoded body of a response. Raises ValueError, with the reason, if it cannot be decoded.

    `truncated` means that the archive marks the record as cut off: then the part that can be decoded is returned.
    """
    end = _END_OF_HEADER.search(message)
    if end is None:
        return b""  # a header without a body
    headers = _headers(message[: end.start()])
    body = message[end.end() :]
    transfer = _tokens(headers.get(b"transfer-encoding", b""))
    if b"chunked" in transfer:
        body = _without_chunks(body)
    encodings = _tokens(headers.get(b"content-encoding", b""))
    encodings += [encoding for encoding in transfer if encoding != b"chunked"]
    for encoding in reversed(encodings):
        body = _decoded(body, encoding, truncated)
    return body


def _headers(lines: bytes) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in lines.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        key = name.strip().lower()
        headers[key] = headers[key] + b"," + value.strip() if key in headers else value.strip()
    return headers


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip().lower() for token in value.split(b",")]


def _without_chunks(body: bytes) -> bytes:
    """Return the content of the chunks. If a body does not begin with a chunk, return the body unchanged."""
    parts: list[bytes] = []
    position = 0
    while position < len(body):
        size = _CHUNK_SIZE.match(body, position)
        if size is None:
            if not parts:
                return body
            raise ValueError(f"the body is chunked, but there is no valid chunk at byte {position:,} of the body")
        length = int(size[1], 16)
        if not length:
            break
        parts.append(body[size.end() : size.end() + length])  # the last chunk can be cut off, as for a browser
        position = size.end() + length
        position += 2 if body[position : position + 2] == b"\r\n" else body[position : position + 1] == b"\n"
    return b"".join(parts)


def _decoded(body: bytes, encoding: bytes, truncated: bool) -> bytes:
    if encoding in _NONE or not body:
        return body
    name = encoding.removeprefix(b"x-").decode("ascii", "backslashreplace")
    match name:
        case "gzip":
            return _read(body, name, _gzip, truncated) if body.startswith(GZIP_MAGIC) else body
        case "zstd":
            return _read(body, name, _by_arrow("zstd"), truncated) if body.startswith(ZSTD_MAGIC) else body
        case "deflate" | "br":
            try:
                return _read(body, name, _deflate if name == "deflate" else _by_arrow("brotli"), truncated)
            except ValueError:
                if _is_text(body):
                    return (
                        body  # these encodings have no magic bytes, and the result is not a text: it was decoded before
                    )
                raise
        case _:
            raise ValueError(
                f"the body has the content encoding {name!r}, which is not supported. Supported are gzip, deflate, br"
                " and zstd"
            )


def _read(body: bytes, name: str, open_stream: Callable[[bytes], io.BufferedIOBase], truncated: bool) -> bytes:
    """Return the decoded body. Raises ValueError if it is damaged, cut off or too large."""
    stream, parts, size = open_stream(body), [], 0
    try:
        while content := stream.read1(2**20):
            parts.append(content)
            size += len(content)
            if size > LARGEST:
                raise ValueError(f"the body has more than {LARGEST >> 30} GiB after decoding ({name})")
    except EOFError:
        if not truncated:
            raise ValueError(f"the body has the content encoding {name}, but is cut off") from None
    except compression.ERRORS as error:
        if not (truncated and "runcated" in str(error)):
            raise ValueError(f"the body has the content encoding {name}, but is damaged: {error}") from None
    return b"".join(parts)


def _gzip(body: bytes) -> io.BufferedIOBase:
    return compression.decompressed(io.BytesIO(body), "gzip")


def _deflate(body: bytes) -> io.BufferedIOBase:
    """Open a body with the content encoding deflate.

    HTTP requires the header of zlib (RFC 1950) in such a body, but some servers omit it. Both forms are accepted.
    """
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        decompressor = zlib.decompressobj(window)
        try:
            content = decompressor.decompress(body, LARGEST + 1) + decompressor.flush()
        except zlib.error as error:
            problem = error
            continue
        return _Cut(content, decompressor.eof)
    raise ValueError(f"the body has the content encoding deflate, but is damaged: {problem}")


def _by_arrow(codec: str) -> Callable[[bytes], io.BufferedIOBase]:
    def open_stream(body: bytes) -> io.BufferedIOBase:
        return compression.decompressed(io.BytesIO(body), codec)

    return open_stream


class _Cut(io.BytesIO):
    """The content of a body. At its end it raises EOFError if the body is not complete."""

    def __init__(self, content: bytes, is_complete: bool) -> None:
        super().__init__(content)
        self._is_complete = is_complete

    def read1(self, size: int | None = -1) -> bytes:
        content = super().read1(size)
        if not content and not self._is_complete:
            raise EOFError("cut off")
        return content


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
