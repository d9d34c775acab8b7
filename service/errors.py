"""All errors that a call can return, as one tree. One handler, in `app.py`, turns them into answers (RFC 9457).

Refusal
├── Malformed              400  the body does not have the format that its content type names
├── Unauthenticated        401  no API key, an unknown key or a revoked key
├── NotPermitted           403  the key lacks the scope, or belongs to another organization
├── ResourceNotFound       404
├── MethodNotAllowed       405
├── NotAcceptable          406  no format that the Accept header allows
├── RequestTimeout         408  the headers or the body came too slowly
├── StateConflict          409  the request contradicts an earlier statement
├── BodyTooLarge           413  the body is over the limit
├── TargetTooLong          414  the path and the query are over the limit
├── UnsupportedMedia       415  the service does not read this content type
├── Unprocessable          422  well-formed but not accepted; errors[] names the fields and the reasons
├── TooManyRequests        429  the caller has spent its budget, or has too many streams: Retry-After
├── HeadersTooLarge        431  the headers are over the limit
└── Unavailable            503  try again after the seconds in the header Retry-After
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ValidationError

from firsthand.schemas import explain
from firsthand.schemas.problems import MEDIA_TYPE, Problem, ProblemError

TYPE = "urn:firsthand:problem:"


class Refusal(Exception):
    """An error that is sent to the caller as a problem. `detail` says what is wrong, where, and what to do next."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str, errors: list[ProblemError] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.headers = dict(headers or {})

    def problem(self, instance: str) -> Problem:
        """Return the body of the answer; `instance` is the path of the request."""
        return Problem(
            type=TYPE + self.slug,
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            errors=self.errors,
        )


class Malformed(Refusal):
    """The body cannot be parsed."""

    status, slug, title = 400, "malformed", "Malformed request"


class Unauthenticated(Refusal):
    """The request has no valid API key."""

    status, slug, title = 401, "unauthorized", "API key missing or not valid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class NotPermitted(Refusal):
    """The API key is valid, but does not permit this request."""

    status, slug, title = 403, "forbidden", "Not permitted with this API key"


class ResourceNotFound(Refusal):
    """This name, id or position does not exist."""

    status, slug, title = 404, "not-found", "Not found"


class MethodNotAllowed(Refusal):
    """The path exists, but not with this method."""

    status, slug, title = 405, "method-not-allowed", "Method not allowed"


class NotAcceptable(Refusal):
    """The Accept header allows none of the formats of the call."""

    status, slug, title = 406, "not-acceptable", "No acceptable format"


class RequestTimeout(Refusal):
    """The headers or the body came too slowly. The connection is closed."""

    status, slug, title = 408, "request-timeout", "Request too slow"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Connection": "close"})


class StateConflict(Refusal):
    """The request contradicts an earlier statement, and statements never change."""

    status, slug, title = 409, "conflict", "Conflict with an earlier statement"


class BodyTooLarge(Refusal):
    """The request body is over the limit."""

    status, slug, title = 413, "too-large", "Request body too large"


class TargetTooLong(Refusal):
    """The path and the query of the request are over the limit."""

    status, slug, title = 414, "target-too-long", "Path and query too long"


class UnsupportedMedia(Refusal):
    """The service does not read this content type or content encoding."""

    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class Unprocessable(Refusal):
    """The request is well-formed, but its content is not accepted."""

    status, slug, title = 422, "unprocessable", "Request content not accepted"

    @classmethod
    def at(cls, where: str, message: str) -> "Unprocessable":
        """Return a refusal for one field, row or parameter. `where` is its name."""
        return cls(f"{where}: {message}", [ProblemError(where=where, message=message)])

    @classmethod
    def of(cls, error: ValidationError) -> "Unprocessable":
        """Return a refusal that lists all errors of a pydantic validation."""
        problems = explain.problems(error.errors())
        return cls("; ".join(explain.located(problem.where, problem.message) for problem in problems), problems)


class TooManyRequests(Refusal):
    """The caller has reached a limit. `retry_after` is the number of seconds after which it can send more requests."""

    status, slug, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class HeadersTooLarge(Refusal):
    """The headers of the request are over the limit, in number or in bytes."""

    status, slug, title = 431, "headers-too-large", "Request headers too large"


class Unavailable(Refusal):
    """The service cannot answer now. `retry_after` is the number of seconds after which the caller can try again."""

    status, slug, title = 503, "busy", "Temporarily unavailable"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


_TITLES = {kind.status: kind.title for kind in Refusal.__subclasses__()}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the argument `responses` of a route that can answer with these error statuses. Each body is a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }
