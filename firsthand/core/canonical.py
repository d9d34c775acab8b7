"""The canonical bytes of a statement: JSON in the form of RFC 8785, with times in UTC and whole seconds."""

from datetime import UTC, date, datetime
from typing import Any

import rfc8785


def encode(value: dict[str, Any]) -> bytes:
    """Return the bytes of a JSON object in the form of RFC 8785. Equal objects give equal bytes."""
    return rfc8785.dumps(value)


def timestamp(moment: datetime | date) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SSZ`, UTC. A date means midnight. Raises ValueError without a time zone."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; add one, such as tzinfo=datetime.UTC")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
