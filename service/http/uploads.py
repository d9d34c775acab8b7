"""Receiving bulk bodies into a temporary file, before a database connection is taken."""

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

#: A larger body is written to disk.
_BYTES_IN_MEMORY = 2**20
#: A body up to this size costs no more than any other request, and needs no slot.
_SMALL_BYTES = 2**16


class UploadSlots(asyncio.Semaphore):
    """Limits how many large bulk bodies a process receives at the same time."""


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
    """Receive the body. Slow uploads hold no database connection; otherwise they would exhaust the pool."""
    announced = request.headers.get("content-length", "")
    # a compressed format can be much larger than its length
    uncompressed = media_type(request) in (JSON, NDJSON, RAW)
    small = uncompressed and announced.isdigit() and int(announced) <= _SMALL_BYTES
    if not small and slots.locked():
        raise Unavailable("The service receives as many bulk bodies as it can. Send this one again in a moment.")
    async with nullcontext() if small else slots:
        with SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY) as file:
            digest = sha256()
            async for chunk in request.stream():
                digest.update(chunk)
                file.write(chunk)
            file.seek(0)
            yield ReceivedBody(media_type(request), file, digest.digest())


#: The bulk body of a request of a caller with the scope write.
Upload = Annotated[ReceivedBody, Depends(_received, scope="function")]
