"""A limit on the number of streamed answers that a caller receives at the same time from one process.

A streamed answer uses memory until the client has read it. `slow_readers` limits this time.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends

from service.errors import TooManyRequests
from service.http.auth import Caller, MaybeCaller
from service.http.state import shared
from service.settings import Settings

_RETRY_SECONDS = 1


class Streams:
    """The running streams of one process, counted by API key.

    It is used only on the event loop, so it needs no lock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = Counter[str | None]()

    @contextmanager
    def one(self, caller: Caller | None) -> Iterator[None]:
        """Count a stream during the `with` block. Raises TooManyRequests if the caller has reached its limit."""
        key = caller.key if caller else None
        most = self._settings.key_streams if caller else self._settings.anonymous_streams
        if self._open[key] >= most:
            callers = "This API key receives" if caller else "The callers without an API key receive"
            raise TooManyRequests(
                f"{callers} {most} streamed answers already, which is the limit. Read one of them to its end, "
                "then send the request again.",
                _RETRY_SECONDS,
            )
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]  # otherwise the table would grow with every new key


async def _stream(caller: MaybeCaller, streams: Annotated[Streams, shared(Streams)]) -> AsyncIterator[None]:
    with streams.one(caller):
        yield


#: The dependency of a route that streams its answer. The stream ends when the last byte was sent or the connection was
#: lost.
StreamSlot = Annotated[None, Depends(_stream, scope="request")]
