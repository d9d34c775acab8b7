"""Limits how many streamed answers a caller receives at the same time from one process.

A stream holds what it sends in memory as long as its reader takes. `slow_readers` limits how long that is.
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
    """The streamed answers of one process, by key. It is used on the event loop alone, so it needs no lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = Counter[str | None]()

    @contextmanager
    def one(self, caller: Caller | None) -> Iterator[None]:
        """Count a stream. Raises TooManyRequests if the caller has as many as are allowed."""
        key = caller.key if caller else None
        most = self._settings.key_streams if caller else self._settings.anonymous_streams
        if self._open[key] >= most:
            callers = "This API key receives" if caller else "The callers without an API key receive"
            raise TooManyRequests(
                f"{callers} {most} streamed answers already, which is the limit. Read one to its end, "
                "then send the request again.",
                _RETRY_SECONDS,
            )
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]  # otherwise every key that ever streamed would stay here


async def _stream(caller: MaybeCaller, streams: Annotated[Streams, shared(Streams)]) -> AsyncIterator[None]:
    with streams.one(caller):
        yield


#: A route that streams its answer depends on it. It ends after the last byte was sent, or the connection was lost.
StreamSlot = Annotated[None, Depends(_stream, scope="request")]
