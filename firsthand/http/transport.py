"""HTTP requests of the client: retries, errors, pages and streams. It does not depend on the resources of the API."""

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
from firsthand.schemas.explain import explain
from firsthand.schemas.problems import MEDIA_TYPE, Problem

Answer = TypeVar("Answer", bound=BaseModel)

_RETRIED = frozenset({502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Backoff:
    """The pause before a retry: 0.2 s, doubled each time up to 10 s, multiplied by a random factor of 0.5 to 1.5.

    The random factor spreads the retries of clients that failed at the same time.
    """

    first: float = 0.2
    longest: float = 10.0
    jitter: np.random.Generator = field(default_factory=np.random.default_rng)

    def seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """Return the pause in seconds after attempt 0, 1, …: at least `retry_after`, which is limited to 60 s."""
        pause = min(self.first * 2.0**attempt, self.longest) * float(self.jitter.uniform(0.5, 1.5))
        requested = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        return max(pause, min(requested, 60.0))


class Transport:
    """The sender of requests to one registry.

    Every request can be retried: reads change nothing, PUT is idempotent, and other writes have an Idempotency-Key that
    is the same for all retries. If a read reaches its time limit, it is not retried, because the registry would do the
    same work twice. A write with a key is retried: the registry lets it wait for the first request with this key.
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
        key_description: str = "",
    ) -> None:
        if _scheme(url) not in ("http", "https"):
            raise Unreachable(f"{url!r} is not the address of a registry: it must begin with http:// or https://")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise CredentialsError(
                "The key has characters that are not allowed in keys. Copy it again, or run: firsthand login URL"
            )
        self.url, self._timeout = url, timeout
        self._key_description = key_description
        self._retries, self._backoff, self._sleep = retries, backoff or Backoff(), sleep
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout,
            transport=transport,
            # A proxy that the environment names cannot reach a registry on this machine.
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
        """Send one request and return the complete answer. Raises Unreachable, ProblemError or NotUnderstood."""
        if body is not None:
            content = body.model_dump_json(exclude_unset=True).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if content is not None else {})}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        request = self._http.build_request(method, path, params=_present(params), content=content, headers=headers)
        return self._attempt(request, stream=False).content

    def ask(self, answer: type[Answer], method: str, path: str, **request: Any) -> Answer:
        """Send one request, and return the answer as a message of the class `answer`."""
        return self._read(answer, self.send(method, path, **request))

    def pages(self, entry: type[Answer], path: str, **params: Any) -> Iterator[Answer]:
        """Yield all entries of a list. Each page is requested when its first entry is needed."""
        cursor: str | None = params.pop("cursor", None)
        while True:
            page = self.ask(Page[entry], "GET", path, params={**params, "cursor": cursor})  # type: ignore[valid-type]
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def lines(self, answer: type[Answer], path: str, **params: Any) -> Iterator[Answer]:
        """Yield the messages of a long answer in NDJSON, each when it arrives."""
        incomplete = b""
        with self.stream(path, accept=NDJSON, **params) as pieces:
            for piece in pieces:
                *lines, incomplete = (incomplete + piece).split(b"\n")
                yield from (self._read(answer, line) for line in lines)
        if incomplete:
            raise NotUnderstood(f"The answer of {self.url} ended in the middle of a line. Try again.")

    @contextmanager
    def stream(self, path: str, *, accept: str = "*/*", **params: Any) -> Iterator[Iterator[bytes]]:
        """Yield the pieces of a long answer. After it begins, it is not retried: an interruption raises Unreachable."""
        request = self._http.build_request("GET", path, params=_present(params), headers={"Accept": accept})
        response = self._attempt(request, stream=True)
        try:
            yield response.iter_bytes()
        except httpx2.TransportError as error:
            raise Unreachable(
                f"The connection to {self.url} was interrupted during an answer ({error}). Try again."
            ) from error
        finally:
            response.close()

    def answers(self, path: str) -> bool:
        """Return whether a GET of `path` succeeds, without retries."""
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
            "Start one with `firsthand serve`, or set the address with FIRSTHAND_URL or `firsthand login URL`."
        )

    def _slow(self, request: httpx2.Request) -> str:
        return (
            f"{self.url} did not answer {request.method} {request.url.path} within {self._timeout:g} s.\n"
            "Set a longer time limit with FIRSTHAND_TIMEOUT=SECONDS; in Python, with Client(timeout=SECONDS)."
        )

    def _refusal(self, response: httpx2.Response) -> Exception:
        if response.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
            return from_problem(self._read(Problem, response.content), self._key_description)
        if response.status_code in _RETRIED:  # the answer of a gateway in front of a registry that is down
            detail = f"{self.url} answers {response.status_code}: the registry is busy or restarting. Try again later."
            return from_problem(Problem(type="about:blank", title="Busy", status=response.status_code, detail=detail))
        return NotUnderstood(
            f"{self.url} answered {response.status_code} to {response.request.method} {response.request.url.path}, "
            "but not in the form of a registry. Check that this is the address of a registry."
        )

    def _read(self, answer: type[Answer], content: bytes) -> Answer:
        try:
            return answer.model_validate_json(content)
        except ValidationError as error:
            raise NotUnderstood(
                f"{self.url} gave an answer that this version does not understand. Check that this is the address of a "
                f"registry, and that the registry and this client have the same version.\n{explain(error)}"
            ) from None


def _scheme(url: str) -> str:
    """Return the scheme of a URL; empty if the text is not a URL."""
    try:
        return httpx2.URL(url).scheme if urlsplit(url).hostname else ""
    except (ValueError, httpx2.InvalidURL):
        return ""


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters that are not None."""
    return {name: value for name, value in (params or {}).items() if value is not None}
