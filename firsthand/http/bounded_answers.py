"""Read the bytes of an answer, up to the size that the registry announced and up to the limit of the caller.

A registry can be hostile. Without a limit, an endless answer could fill the memory or the disk of a pipeline, and a
compressed answer of a few kilobytes could become gigabytes.
"""

from collections.abc import Iterator

import httpx2

from firsthand.errors import NotUnderstood

#: The largest answer that is read into memory, in bytes. The digests of one registration are the largest: 64 MiB.
MAX_ANSWER = 2**28
#: The largest answer that is read in pieces, in bytes: a mix of 2 billion items.
MAX_STREAM = 2**36
#: The longest line of an answer in NDJSON, in bytes.
MAX_LINE = 2**20

#: The header of every request. Digests cannot be compressed, so answers are never compressed.
UNCOMPRESSED = {"Accept-Encoding": "identity"}


def pieces(response: httpx2.Response, limit: int, url: str) -> Iterator[bytes]:
    """Yield the bytes of an answer. Raises NotUnderstood if it is compressed or has more than `limit` bytes."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise NotUnderstood(
            f"{url} sent a compressed answer ({encoding[:40]!r}), which was not requested. Check that this is the"
            " address of a registry, and that no proxy on the way compresses answers."
        )
    length = response.headers.get("Content-Length", "")
    announced = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else None
    if announced is not None and announced > limit:
        raise _too_large(url, f"announces {announced:,} bytes", limit)
    received = 0
    for piece in response.iter_bytes():
        received += len(piece)
        if received > limit or (announced is not None and received > announced):
            raise _too_large(url, f"has more than {min(limit, received):,} bytes", min(limit, announced or limit))
        yield piece


def read(response: httpx2.Response, limit: int, url: str) -> bytes:
    """Return all bytes of an answer. Raises NotUnderstood if it is compressed or has more than `limit` bytes."""
    return b"".join(pieces(response, limit, url))


def _too_large(url: str, size: str, limit: int) -> NotUnderstood:
    return NotUnderstood(
        f"An answer of {url} {size}; at most {limit:,} bytes were expected. Check that this is the address of a"
        " registry."
    )
