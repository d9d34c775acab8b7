"""The headers of proxies with the client's address, scheme and path prefix. Only configured proxies are trusted."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.settings import Settings

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_MOST_PREFIX = 200


class ProxyHeaders:
    """Middleware that reads the headers `X-Forwarded-For`, `-Proto` and `-Prefix`, but only from configured proxies.

    If the proxy sends no path prefix, the setting FIRSTHAND_ROOT_PATH is used. A proxy may remove the prefix from the
    path or keep it: both lead to the same route.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._prefix = settings.root_path
        hosts = [host.strip() for host in settings.trusted_proxies.split(",") if host.strip()]
        # the types of messages in uvicorn are narrower than those in Starlette
        self._trusting = ProxyHeadersMiddleware(app, trusted_hosts=hosts)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._set_prefix(scope)
        await self._trusting(scope, receive, send)  # type: ignore[arg-type]

    def _set_prefix(self, scope: Scope) -> None:
        prefix = self._given(scope) or self._prefix
        if not prefix:
            return
        scope["root_path"] = prefix
        path = scope["path"]
        if path != prefix and not path.startswith(prefix + "/"):
            scope["path"] = prefix + path
            scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")

    def _given(self, scope: Scope) -> str:
        """Return the prefix that a configured proxy has sent. Return an empty text if there is none."""
        client = scope.get("client")
        if not client or client[0] not in self._trusting.trusted_hosts:
            return ""
        given = dict(scope["headers"]).get(b"x-forwarded-prefix", b"").decode("latin-1").rstrip("/")
        return given if len(given) <= _MOST_PREFIX and _PREFIX.fullmatch(given) else ""


def route_path(scope: Scope) -> str:
    """Return the path of a request without the prefix under which a proxy serves the registry."""
    prefix: str = scope.get("root_path", "")
    path: str = scope["path"]
    return path[len(prefix) :] if path.startswith(prefix + "/") else path
