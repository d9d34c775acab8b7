"""Everything that can go wrong, as one tree; `app.py` has the one handler that answers it (RFC 9457).

Refusal
├── Malformed              400  the body is not what its content type says
├── Unauthorized           401  no key, or none that is known
├── Forbidden              403  the key may not do this
├── NotFound               404
├── MethodNotAllowed       405
├── NotAcceptable          406  no form that the caller accepts
├── Conflict               409  the name is taken by something else
├── TooLarge               413  the body is over the limit
├── UnsupportedMedia       415  nobody reads this content type
├── Unprocessable          422  understood, and refused; errors[] say where and why
└── Busy                   503  try again in a moment: Retry-After
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ValidationError

from firsthand.schemas import explain
from firsthand.schemas.problems import MEDIA_TYPE, Problem, ProblemError

TYPE = "urn:firsthand:problem:"


class Refusal(Exception):
    """A problem to answer. `detail` says what is wrong here and what to do next."""

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
        return Problem(
            type=TYPE + self.slug,
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            errors=self.errors,
        )


class Malformed(Refusal):
    status, slug, title = 400, "malformed", "Malformed body"


class Unauthorized(Refusal):
    status, slug, title = 401, "unauthorized", "A key is needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Refusal):
    status, slug, title = 403, "forbidden", "This key may not do that"


class NotFound(Refusal):
    status, slug, title = 404, "not-found", "Not found"


class MethodNotAllowed(Refusal):
    status, slug, title = 405, "method-not-allowed", "Method not allowed"


class NotAcceptable(Refusal):
    status, slug, title = 406, "not-acceptable", "Not acceptable"


class Conflict(Refusal):
    status, slug, title = 409, "conflict", "Conflict"


class TooLarge(Refusal):
    status, slug, title = 413, "too-large", "Body too large"


class UnsupportedMedia(Refusal):
    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class Unprocessable(Refusal):
    status, slug, title = 422, "unprocessable", "Refused"

    @classmethod
    def at(cls, where: str, message: str) -> "Unprocessable":
        """One thing wrong at one place."""
        return cls(f"{where}: {message}", [ProblemError(where=where, message=message)])

    @classmethod
    def of(cls, error: ValidationError) -> "Unprocessable":
        """What a message's own rules refuse."""
        problems = explain.problems(error.errors())
        return cls("; ".join(explain.located(problem.where, problem.message) for problem in problems), problems)


class Busy(Refusal):
    status, slug, title = 503, "busy", "Busy"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


_TITLES = {kind.status: kind.title for kind in Refusal.__subclasses__()}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: these statuses, each with a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {s: {"description": _TITLES[s], "content": {MEDIA_TYPE: {"schema": schema}}} for s in statuses}
