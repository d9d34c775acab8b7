"""Errors of the API: RFC 9457, `application/problem+json`."""

from firsthand.schemas.base import Response

MEDIA_TYPE = "application/problem+json"


class ProblemError(Response):
    """One error, and where it is: the path of a field, or `row 17` of a bulk body."""

    where: str
    message: str


class Problem(Response):
    """An error (RFC 9457, section 3). `type` is the kind of error and never changes. `detail` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[ProblemError] = []
