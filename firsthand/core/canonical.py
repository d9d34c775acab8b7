"""Canonical bytes of a statement: RFC 8785, with times in UTC of fixed precision."""

from datetime import UTC, date, datetime
from typing import Any

import rfc8785


def encode(value: dict[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of a JSON object. Equal objects give equal bytes."""
    return rfc8785.dumps(value)


def timestamp(moment: datetime | date) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SSZ`, UTC, in whole seconds. A date is its first second."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
