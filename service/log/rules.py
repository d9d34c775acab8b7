"""The issuer of a statement, its maximum size, and the format of its times. These functions have no side effects."""

from datetime import UTC, datetime
from typing import NamedTuple

from firsthand.core.canonical import timestamp

#: The maximum size of a statement in canonical form, in bytes. An entry of tlog-tiles has at most 65,535 bytes.
MAX_BYTES = 16 * 1024


class Issuer(NamedTuple):
    """The organization that issues a statement.

    `reads` is false if its key must not read the statements of other organizations. Then error messages must not
    contain anything about them.
    """

    id: int
    name: str
    reads: bool = True


def moment(seconds: int) -> datetime:
    """Convert seconds since 1970 into a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def optional_moment(seconds: int | None) -> datetime | None:
    """Convert seconds since 1970 into a time in UTC; None stays None."""
    return None if seconds is None else moment(seconds)


def canonical_time(seconds: int) -> str:
    """Convert seconds since 1970 into `YYYY-MM-DDTHH:MM:SSZ`."""
    return timestamp(moment(seconds))
