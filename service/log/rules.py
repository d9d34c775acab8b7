"""What a statement is made of. Pure."""

from datetime import UTC, datetime
from typing import NamedTuple

from firsthand.core.canonical import timestamp

#: A statement's canonical bytes at most: with room to spare under the 65,535 of a tlog-tiles entry.
MAX_BYTES = 16 * 1024


class Speaker(NamedTuple):
    """The organization that a statement is by."""

    id: int
    name: str


def moment(seconds: int) -> datetime:
    """Seconds since 1970 → UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def optional_moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def canonical_time(seconds: int) -> str:
    """Seconds since 1970 → `YYYY-MM-DDTHH:MM:SSZ`."""
    return timestamp(moment(seconds))
