"""Answers that no shared cache may store: answers about keys, and all answers of a private registry."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.settings import Settings

_NO_STORE = b"private, no-store"


class KeepPrivate:
    """Middleware that sets `Cache-Control`.

    In a private registry, a file that never changes may be stored only in the cache of the client itself.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._public = app, settings.public_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (self._public and "/v1/keys" not in scope["path"]):
            return await self._app(scope, receive, send)

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [value for name, value in message["headers"] if name == b"cache-control"] or [_NO_STORE]
                others = [header for header in message["headers"] if header[0] != b"cache-control"]
                message["headers"] = [*others, (b"cache-control", own[0].replace(b"public", b"private"))]
            await send(message)

        await self._app(scope, receive, send_private)
