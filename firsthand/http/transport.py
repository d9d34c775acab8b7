"""HTTP underneath the client: retries, errors, pages and streams. It knows the wire's forms, and no noun."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import numpy as np
from pydantic import BaseModel, ValidationError

from firsthand.core.media_types import NDJSON
from firsthand.errors import CredentialsError, NotUnderstood, Unreachable, from_problem
from firsthand.schemas.base import Page
from firsthand.schemas.problems import MEDIA_TYPE, Problem

Answer = TypeVar("Answer", bound=BaseModel)

_RETRIED = frozenset({502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a retry: 0.2 s, doubled each time up to 10 s, half to one and a half times that.

    The jitter keeps clients that failed together from coming back together.
    """

    first: float = 0.2
    longest: float = 10.0
    jitter: np.random.Generator = field(default_factory=np.random.default_rng)

    def seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """The pause after attempt 0, 1, …; a Retry-After in seconds is honoured, up to a minute."""
        pause = min(self.first * 2.0**attempt, self.longest) * float(self.jitter.uniform(0.5, 1.5))
        asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        return max(pause, min(asked, 60.0))


class Transport:
    """Requests to one registry.

    Everything may be retried: reads by nature, PUT because it is idempotent, what else writes because it carries an
    Idempotency-Key, which stays the same over its retries. Who was heard and is only slow is not asked the same again,
    for it would then do the work twice at once; a write waits there for the first one of its key.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        timeout: float,
        retries: int,
        transport: httpx2.BaseTransport | None = None,
        backoff: Backoff | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if _scheme(url) not in ("http", "https"):
            raise Unreachable(f"{url!r} is not a registry's address: it begins with http:// or https://")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise CredentialsError("The key has characters that no key has; copy it again, or `firsthand login URL`.")
        self.url, self._timeout = url, timeout
        self._retries, self._backoff, self._sleep = retries, backoff or Backoff(), sleep
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout,
            transport=transport,
            # A proxy of the environment is for the network outside, and cannot reach this machine's own registry.
            trust_env=urlsplit(url).hostname not in _LOOPBACK,
        )

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: BaseModel | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "*/*",
        idempotency_key: str | None = None,
    ) -> bytes:
        """One request and its whole answer. Raises Unreachable, ProblemError or NotUnderstood."""
        if body is not None:
            content = body.model_dump_json(exclude_unset=True).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if content is not None else {})}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        request = self._http.build_request(method, path, params=_present(params), content=content, headers=headers)
        return self._attempt(request, stream=False).content

    def ask(self, answer: type[Answer], method: str, path: str, **request: Any) -> Answer:
        """`send`, and the answer read as a message of the wire."""
        return self._read(answer, self.send(method, path, **request))

    def pages(self, entry: type[Answer], path: str, **params: Any) -> Iterator[Answer]:
        """Every entry of a list, page by page as they are asked for."""
        cursor: str | None = params.pop("cursor", None)
        while True:
            page = self.ask(Page[entry], "GET", path, params={**params, "cursor": cursor})  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def lines(self, answer: type[Answer], path: str, **params: Any) -> Iterator[Answer]:
        """The messages of a long answer in NDJSON, one by one as they come."""
        rest = b""
        with self.stream(path, accept=NDJSON, **params) as pieces:
            for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                yield from (self._read(answer, line) for line in lines)
        if rest:
            raise NotUnderstood(f"an answer of lines ended in the middle of one ({len(rest)} bytes)")

    @contextmanager
    def stream(self, path: str, *, accept: str = "*/*", **params: Any) -> Iterator[Iterator[bytes]]:
        """The pieces of a long answer. Retried until it begins; a stream that breaks raises Unreachable."""
        request = self._http.build_request("GET", path, params=_present(params), headers={"Accept": accept})
        response = self._attempt(request, stream=True)
        try:
            yield response.iter_bytes()
        except httpx2.TransportError as error:
            raise Unreachable(f"{self.url} broke off in the middle of an answer ({error}); ask again.") from error
        finally:
            response.close()

    def answers(self, path: str) -> bool:
        """Whether a GET of `path` succeeds, asked once."""
        try:
            return self._http.get(path).is_success
        except httpx2.TransportError:
            return False

    def _attempt(self, request: httpx2.Request, *, stream: bool) -> httpx2.Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = self._http.send(request, stream=stream)
            except httpx2.ReadTimeout as error:
                if last or "Idempotency-Key" not in request.headers:
                    raise Unreachable(self._slow(request)) from error
                self._sleep(self._backoff.seconds(attempt))
                continue
            except httpx2.TransportError as error:
                if last:
                    raise Unreachable(self._nobody(error)) from error
                self._sleep(self._backoff.seconds(attempt))
                continue
            if response.is_success:
                return response
            response.read()
            if response.status_code not in _RETRIED or last:
                raise self._refusal(response)
            self._sleep(self._backoff.seconds(attempt, response.headers.get("Retry-After")))
        raise AssertionError("the last attempt returns or raises")

    def _nobody(self, error: Exception) -> str:
        return (
            f"No registry answers at {self.url} ({error or type(error).__name__}).\n"
            "Start one with `firsthand serve`, or name yours with FIRSTHAND_URL or `firsthand login URL`."
        )

    def _slow(self, request: httpx2.Request) -> str:
        return (
            f"{self.url} did not answer {request.method} {request.url.path} within {self._timeout:g} s.\n"
            "Give it longer with FIRSTHAND_TIMEOUT=SECONDS; in Python, Client(timeout=SECONDS)."
        )

    def _refusal(self, response: httpx2.Response) -> Exception:
        if response.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
            return from_problem(self._read(Problem, response.content))
        if response.status_code in _RETRIED:  # a gateway's own words, for a registry that is down behind it
            said = f"{self.url} answers {response.status_code}: the registry is busy or restarting; try again later."
            return from_problem(Problem(type="about:blank", title="Busy", status=response.status_code, detail=said))
        return NotUnderstood(
            f"{self.url} answered {response.status_code} to {response.request.method} {response.request.url.path}, "
            "and not as a registry does. Is it the address of one?"
        )

    def _read(self, answer: type[Answer], content: bytes) -> Answer:
        try:
            return answer.model_validate_json(content)
        except ValidationError as error:
            raise NotUnderstood(
                f"{self.url} gave an answer that this version does not understand. "
                f"Is it the address of a registry, and are both up to date? {error}"
            ) from None


def _scheme(url: str) -> str:
    """The scheme of an address that can be one; empty for any other."""
    try:
        return httpx2.URL(url).scheme if urlsplit(url).hostname else ""
    except (ValueError, httpx2.InvalidURL):
        return ""


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parameters that were given."""
    return {name: value for name, value in (params or {}).items() if value is not None}
