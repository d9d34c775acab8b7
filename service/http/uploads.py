"""Receive bulk bodies into a temporary file, before the request takes a database connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from firsthand.core.media_types import JSON, NDJSON, RAW
from service.errors import Unavailable
from service.http.auth import Writer
from service.http.state import shared

#: Bytes of a body that are kept in memory. A larger body is written to disk.
_BYTES_IN_MEMORY = 2**20
#: A body of at most this many bytes needs no slot, because it costs no more than any other request.
_SMALL_BYTES = 2**16


class UploadSlots(asyncio.Semaphore):
    """A semaphore: the number of large bulk bodies that a process can receive at the same time."""


class ReceivedBody(NamedTuple):
    """A bulk body in a temporary file, with its media type and its SHA-256."""

    media_type: str
    file: "SpooledTemporaryFile[bytes]"
    digest: bytes


def media_type(request: Request) -> str:
    """Return the media type of the Content-Type header in lower case; empty if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _received(
    request: Request, _: Writer, slots: Annotated[UploadSlots, shared(UploadSlots)]
) -> AsyncIterator[ReceivedBody]:
    """Receive the body. This holds no database connection, because slow uploads would exhaust the pool.

    Raises Unavailable if the body is large and all slots are used.
    """
    announced = request.headers.get("content-length", "")
    # a compressed format can be much larger than its length
    uncompressed = media_type(request) in (JSON, NDJSON, RAW)
    small = uncompressed and announced.isdigit() and int(announced) <= _SMALL_BYTES
    if not small and slots.locked():
        raise Unavailable(
            "The service already receives the maximum number of bulk bodies. Send this one again in a few seconds."
        )
    async with nullcontext() if small else slots:
        with SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY) as file:
            digest = sha256()
            async for chunk in request.stream():
                digest.update(chunk)
                file.write(chunk)
            file.seek(0)
            yield ReceivedBody(media_type(request), file, digest.digest())


#: The bulk body of a request. The caller needs the scope write.
Upload = Annotated[ReceivedBody, Depends(_received, scope="function")]
