"""Errors on the wire: RFC 9457, `application/problem+json`."""

from firsthand.schemas.base import Response

MEDIA_TYPE = "application/problem+json"


class ProblemError(Response):
    """One thing that is wrong, and where: a field's path, or `row 17` of a bulk body."""

    where: str
    message: str


class Problem(Response):
    """RFC 9457, section 3: `type` names the kind of error (stable), `detail` says what to do about this one."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[ProblemError] = []
