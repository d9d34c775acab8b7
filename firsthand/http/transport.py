"""HTTP requests of the client: retries, errors, pages and streams. It does not depend on the resources of the API."""

import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import numpy as np
from pydantic import BaseModel, ValidationError

from firsthand.core.control_characters import escape_controls
from firsthand.core.media_types import NDJSON
from firsthand.errors import CredentialsError, InvalidArgument, NotUnderstood, Unreachable, from_problem
from firsthand.http import bounded_answers
from firsthand.http.bounded_answers import MAX_ANSWER, MAX_LINE, MAX_STREAM
from firsthand.schemas.base import Page
from firsthand.schemas.explain import explain
from firsthand.schemas.problems import MEDIA_TYPE, Problem

Answer = TypeVar("Answer", bound=BaseModel)

_RETRIED = frozenset({502, 503, 504})
_TOO_MANY_REQUESTS = 429
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: The maximum size of an error answer (a problem) in bytes.
_MAX_PROBLEM = 2**20
#: The time limit of a request without retries, in seconds.
_ONCE_SECONDS = 5.0
#: The maximum time limit of a step of a request, in seconds: a day.
MAX_TIMEOUT = 86_400.0
#: A pause before a retry of at least this number of seconds is announced.
_ANNOUNCED_SECONDS = 1.0
#: The user is told of a wait at most once in this number of seconds.
_TELL_AGAIN_SECONDS = 60.0

_log = logging.getLogger("firsthand.client")


@dataclass(frozen=True)
class Backoff:
    """The pause before a retry: 0.2 s, doubled each time up to 10 s, multiplied by a random factor of 0.5 to 1.5.

    The random factor spreads the retries of clients that failed at the same time.
    """

    first: float = 0.2
    longest: float = 10.0
    jitter: np.random.Generator = field(default_factory=np.random.default_rng)

    def seconds(self, attempt: int, retry_after: str | None = None) -> float:
        """Return the pause in seconds after attempt 0, 1, …

        The pause is at least `retry_after`, the value of the header Retry-After, up to 60 s.
        """
        pause = min(self.first * 2.0**attempt, self.longest) * float(self.jitter.uniform(0.5, 1.5))
        requested = float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdecimal() else 0.0
        return max(pause, min(requested, 60.0))

    def requested_seconds(self, retry_after: str) -> float | None:
        """Return the pause that the header `Retry-After` requests, in seconds, plus a random part of up to a fifth.

        Return None if the header is not valid. Its value is a number of seconds or a date (RFC 9110, section 10.2.3).
        The random part spreads clients that wait for the same time.
        """
        if retry_after.isascii() and retry_after.isdecimal():
            seconds = float(retry_after)
        else:
            try:
                seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
                return None
        return max(seconds, self.first) * float(self.jitter.uniform(1.0, 1.2))


class Transport:
    """Sends requests to one registry.

    Every request can be retried: reads change nothing, PUT is idempotent, and other writes have an Idempotency-Key that
    is the same for all retries. If a read reaches its time limit, it is not retried, because the registry would do the
    same work twice. A write with a key is retried: in the registry, the retry waits for the first request with this
    key.

    If the registry answers 429 with `Retry-After`, the request waits for this time and is sent again. This does not
    count as a retry. In total, a request waits for at most `longest_wait` seconds.

    A redirect is never followed, because the key would be sent to an address that the user did not choose. An answer is
    read only up to a limit (see `bounded_answers`).
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
        longest_wait: float = 600.0,
    ) -> None:
        if _scheme(url) not in ("http", "https"):
            raise Unreachable(f"{url!r} is not the address of a registry: it must begin with http:// or https://")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise CredentialsError(
                "The key has characters that are not allowed in keys. Copy it again, or run: firsthand login URL"
            )
        if not 0 < timeout <= MAX_TIMEOUT:
            raise InvalidArgument(f"timeout is {timeout}; use a number of seconds above 0 and up to {MAX_TIMEOUT:,.0f}")
        if retries < 0:
            raise InvalidArgument(f"retries is {retries}; use 0 or more (0 sends each request once)")
        if math.isnan(longest_wait) or longest_wait < 0:
            raise InvalidArgument(f"longest_wait is {longest_wait}; use a number of seconds, 0 or more")
        self.url, self._timeout = url, timeout
        self._longest_wait, self._told_at = longest_wait, -math.inf
        self._key_description = key_description
        self._retries, self._backoff, self._sleep = retries, backoff or Backoff(), sleep
        try:
            self._http = httpx2.Client(
                base_url=url,
                headers=bounded_answers.UNCOMPRESSED | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
                timeout=timeout,
                transport=transport,
                follow_redirects=False,
                # A proxy that the environment names cannot reach a registry on this machine.
                trust_env=urlsplit(url).hostname not in _LOOPBACK,
            )
        except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
            raise CredentialsError(_environment_in_words(url, error)) from None

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
        limit: int = MAX_ANSWER,
        once: bool = False,
    ) -> bytes:
        """Send one request and return the complete answer. Raises Unreachable, ProblemError or NotUnderstood.

        `limit` is the maximum size of the answer in bytes. With `once`, the request is not retried, does not wait if
        the registry is busy, and has a time limit of 5 s.
        """
        if body is not None:
            content = body.model_dump_json(exclude_unset=True).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if content is not None else {})}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        seconds = min(self._timeout, _ONCE_SECONDS) if once else self._timeout
        request = self._http.build_request(
            method, path, params=_present(params), content=content, headers=headers, timeout=seconds
        )
        _, answer = self._attempt(request, limit=limit, once=once)
        return answer

    def ask(self, answer: type[Answer], method: str, path: str, **request: Any) -> Answer:
        """Send one request, and return the answer as a message of the class `answer`."""
        return self._read(answer, self.send(method, path, **request))

    def pages(self, entry: type[Answer], path: str, **params: Any) -> Iterator[Answer]:
        """Yield all entries of a list. Each page is requested when its first entry is needed.

        Raises NotUnderstood if a page refers to itself as the next page, or if an empty page refers to a next page.
        """
        cursor: str | None = params.pop("cursor", None)
        while True:
            page = self.ask(Page[entry], "GET", path, params={**params, "cursor": cursor})  # type: ignore[valid-type]
            yield from page.items
            if page.next is None:
                return
            if page.next == cursor or not page.items:
                raise NotUnderstood(
                    f"A list of {self.url} never ends: a page refers to itself, or is empty and refers to a next page. "
                    "Check that this is the address of a registry."
                )
            cursor = page.next

    def lines(self, answer: type[Answer], path: str, **params: Any) -> Iterator[Answer]:
        """Yield the messages of a long answer in NDJSON, each when it arrives.

        Raises NotUnderstood if a line has more than 1 MiB, or if the answer ends in the middle of a line.
        """
        incomplete = b""
        with self.stream(path, accept=NDJSON, **params) as pieces:
            for piece in pieces:
                *lines, incomplete = (incomplete + piece).split(b"\n")
                yield from (self._read(answer, line) for line in lines)
                if len(incomplete) > MAX_LINE:
                    raise NotUnderstood(
                        f"An answer of {self.url} has a line of more than {MAX_LINE:,} bytes. Check that this is the"
                        " address of a registry."
                    )
        if incomplete:
            raise NotUnderstood(f"The answer of {self.url} ended in the middle of a line. Try again.")

    @contextmanager
    def stream(
        self, path: str, *, accept: str = "*/*", limit: int = MAX_STREAM, **params: Any
    ) -> Iterator[Iterator[bytes]]:
        """Yield an iterator over the pieces of a long answer.

        After the answer has begun, the request is not retried: an interruption raises Unreachable. Raises NotUnderstood
        if the answer has more than `limit` bytes.
        """
        request = self._http.build_request("GET", path, params=_present(params), headers={"Accept": accept})
        response, _ = self._attempt(request, limit=None)
        try:
            yield bounded_answers.pieces(response, limit, self.url)
        except httpx2.TransportError as error:
            raise Unreachable(
                f"The connection to {self.url} was interrupted during an answer ({error}). Try again."
            ) from error
        finally:
            response.close()

    def answers(self, path: str) -> bool:
        """Return whether a GET of `path` succeeds, without retries."""
        try:
            with self._http.stream("GET", path) as response:
                return response.is_success
        except (httpx2.TransportError, OverflowError, UnicodeError):
            return False

    def _attempt(
        self, request: httpx2.Request, *, limit: int | None, once: bool = False
    ) -> tuple[httpx2.Response, bytes]:
        """Send a request until it succeeds. Return the response and its content.

        Without `limit`, the content is empty, and the caller reads and closes the response.
        """
        attempt, waited, retries = 0, 0.0, 0 if once else self._retries
        while True:
            last = attempt >= retries
            try:
                response = self._http.send(request, stream=True)
                if response.is_success and limit is None:
                    return response, b""
                with _closing(response):
                    if response.is_success and limit is not None:
                        return response, bounded_answers.read(response, limit, self.url)
                    content = self._refusal_content(response)
            except httpx2.ReadTimeout as error:
                if last or "Idempotency-Key" not in request.headers:
                    raise Unreachable(self._slow(request)) from error
                self._wait(self._backoff.seconds(attempt), "does not answer in time")
                attempt += 1
                continue
            except (
                httpx2.TransportError,
                OverflowError,
                UnicodeError,
            ) as error:  # the last two: the host name is not valid
                if last:
                    raise Unreachable(self._nobody(error)) from error
                self._wait(self._backoff.seconds(attempt), "cannot be reached")
                attempt += 1
                continue
            retry_after = response.headers.get("Retry-After", "")
            if response.status_code == _TOO_MANY_REQUESTS and retry_after and not once:
                pause = self._backoff.requested_seconds(retry_after)
                if pause is not None and waited + pause <= self._longest_wait:
                    self._wait(pause, "has too many requests of this key or address and asks to wait")
                    waited += pause
                    continue
            if response.status_code not in _RETRIED or last:
                raise self._refusal(response, content, waited)
            reason = f"answers {response.status_code}{_detail(content)}"
            self._wait(self._backoff.seconds(attempt, retry_after), reason)
            attempt += 1

    def _refusal_content(self, response: httpx2.Response) -> bytes:
        """Return the content of an error answer. If it is not a problem, return an empty content without reading it."""
        is_problem = response.headers.get("Content-Type", "").startswith(MEDIA_TYPE)
        return bounded_answers.read(response, _MAX_PROBLEM, self.url) if is_problem else b""

    def _wait(self, seconds: float, reason: str) -> None:
        """Wait before a request is sent again. Announce a long wait, but not for each of many requests."""
        now = time.monotonic()
        if seconds >= _ANNOUNCED_SECONDS and now - self._told_at >= _TELL_AGAIN_SECONDS:
            self._told_at = now
            _log.warning("%s %s; trying again in %.0f s", self.url, reason, seconds)
        self._sleep(seconds)

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

    def _refusal(self, response: httpx2.Response, content: bytes, waited: float) -> Exception:
        """Return the exception for an error answer.

        `waited` is the number of seconds that the request has waited before.
        """
        busy, retry_after = "", escape_controls(response.headers.get("Retry-After", "")[:40])
        if response.status_code == _TOO_MANY_REQUESTS and retry_after:
            busy = (
                f"\nThe registry asks to wait longer (Retry-After: {retry_after}), after {waited:.0f} s of waiting; a"
                f" request waits at most {self._longest_wait:g} s. Send fewer requests at the same time, or try again"
                " later."
            )
        if response.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
            problem = self._read(Problem, content)
            detail = (problem.detail or problem.title) + busy
            return from_problem(
                problem.model_copy(update={"detail": detail}) if busy else problem, self._key_description
            )
        if response.status_code in _RETRIED or busy:  # a gateway answers for a registry that does not run
            detail = f"{self.url} answers {response.status_code}: the registry is busy or restarting. Try again later."
            problem = Problem(type="about:blank", title="Busy", status=response.status_code, detail=detail + busy)
            return from_problem(problem)
        request = response.request
        if response.is_redirect:
            return NotUnderstood(
                f"{self.url} redirects {request.method} {request.url.path} to"
                f" {escape_controls(response.headers.get('Location', '')[:500])}. Redirects are not followed, because"
                " the key would be sent there too. Check that this is the address of a registry. If you trust the other"
                " address, use it: set FIRSTHAND_URL, or run: firsthand login URL"
            )
        return NotUnderstood(
            f"{self.url} answered {response.status_code} to {request.method} {request.url.path}, "
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


def _detail(content: bytes) -> str:
    """Return the detail of a problem in brackets, for the log; empty if the content is not a problem."""
    try:
        problem = Problem.model_validate_json(content)
    except ValidationError:
        return ""
    return f" ({escape_controls((problem.detail or problem.title)[:500])})"


@contextmanager
def _closing(response: httpx2.Response) -> Iterator[None]:
    try:
        yield
    finally:
        response.close()


def _environment_in_words(url: str, error: Exception) -> str:
    """Return the message for a proxy or certificates that are set in the environment and cannot be used."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    set_proxies = [name for upper in proxies for name in (upper, upper.lower()) if os.environ.get(name)]
    if isinstance(error, OSError) or not set_proxies:
        return (
            f"The connection to {url} cannot be prepared ({escape_controls(str(error))}). Check SSL_CERT_FILE and"
            " SSL_CERT_DIR, and the variables HTTP_PROXY, HTTPS_PROXY and ALL_PROXY."
        )
    reason = (
        "SOCKS proxies are not supported" if isinstance(error, ImportError) else "it is not the URL of an HTTP proxy"
    )
    values = ", ".join(f"{name}={re.sub(r'//[^/]*@', '//***@', os.environ[name])}" for name in set_proxies)
    return (
        f"The proxy of the environment cannot be used: {reason} ({escape_controls(values)}).\nSet it to a URL such as"
        f" http://proxy.example.org:3128, or reach the registry without it: NO_PROXY={urlsplit(url).hostname}"
    )


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the parameters that are not None."""
    return {name: value for name, value in (params or {}).items() if value is not None}
