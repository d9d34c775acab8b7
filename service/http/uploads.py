"""Receive bulk bodies into a temporary file, before the request takes a database connection."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated, NamedTuple

from fastapi import Request

from service.errors import Unavailable
from service.http import bodies
from service.http.auth import Caller, Writer
from service.http.bodies import SMALL_BYTES, SettingsOf
from service.http.limits.fair_pool import FairPool
from service.http.state import shared
from service.settings import Settings

#: The maximum number of bytes of a body that stay in memory. A larger body is written to disk.
_BYTES_IN_MEMORY = 2**20


class UploadSlots(FairPool):
    """The large bulk bodies that a process can receive at the same time. The last slot is kept for other holders."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots, kept_for_others=1 if slots > 1 else 0)

    @contextmanager
    def one(self, caller: Caller) -> Iterator[None]:
        """Hold a slot during the `with` block. Raises Unavailable if there is no free slot for this caller."""
        holder = bodies.holder_of(caller)
        if not self.take(holder, 1):
            sender = "Your organization already sends" if self.free else "The service already receives"
            raise Unavailable(
                f"{sender} the maximum number of bulk bodies at the same time. Send the request again in a few seconds."
            )
        try:
            yield
        finally:
            self.give(holder, 1)


class ReceivedBody(NamedTuple):
    """A bulk body in a temporary file, with its media type and its SHA-256."""

    media_type: str
    file: "SpooledTemporaryFile[bytes]"
    digest: bytes


@asynccontextmanager
async def _spooled(request: Request, settings: Settings) -> AsyncIterator[ReceivedBody]:
    with SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY) as file:
        digest = sha256()
        async for piece in bodies.pieces(request, settings, bodies.BULK):
            digest.update(piece)
            file.write(piece)
        file.seek(0)
        yield ReceivedBody(bodies.media_type(request), file, digest.digest())


async def _received(
    request: Request, caller: Writer, settings: SettingsOf, slots: Annotated[UploadSlots, shared(UploadSlots)]
) -> AsyncIterator[ReceivedBody]:
    """Receive the body. This holds no database connection, because slow uploads would exhaust the pool.

    Raises Unavailable if the body is large and all slots are used.
    """
    announced = request.headers.get("content-length", "")
    small = announced.isdigit() and int(announced) <= SMALL_BYTES
    with nullcontext() if small else slots.one(caller):
        async with _spooled(request, settings) as body:
            yield body


#: The bulk body of a request. The caller needs the scope write.
Upload = Annotated[ReceivedBody, bodies.receiving(_received, bodies.BULK)]
