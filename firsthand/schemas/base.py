"""Base classes and types of all messages of the API."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from firsthand.core.digests import from_text, to_text


class Request(BaseModel):
    """A message from a client. An unknown field is an error, so that a misspelled field is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Response(BaseModel):
    """A message from a registry. Unknown fields are ignored, so that an older client understands a newer registry."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _canonical_digest(text: str) -> str:
    return to_text(from_text(text))


#: `sha256:<hex>`. The 64 hexadecimal digits alone are accepted too, and get the prefix.
Digest = Annotated[
    str,
    StringConstraints(pattern=r"^(sha256:)?[0-9a-fA-F]{64}$"),
    AfterValidator(_canonical_digest),
    Field(examples=["sha256:" + "0f" * 32]),
]

#: A position in the log. 0 is the position before the first statement.
Position = Annotated[int, Field(ge=0, le=2**53 - 1)]
#: The highest generation. Higher generations are stored as this one.
MAX_GENERATION = 32_000
Generation = Annotated[int, Field(ge=1, le=MAX_GENERATION)]
Text = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


def _whole_seconds_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("the time is out of range; use a year from 1 to 9999") from None


def _no_number(moment: Any) -> Any:
    """Refuse numbers, which pydantic reads as seconds since 1970: a `90` is a duration whose unit was forgotten."""
    if isinstance(moment, int | float) or (isinstance(moment, str) and not re.match(r"\s*\d{4}-", moment)):
        raise PydanticCustomError("datetime_parsing", "this is not a time")
    return moment


#: A time with its zone, which is converted to UTC and whole seconds.
Moment = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_whole_seconds_utc)]

Entry = TypeVar("Entry", bound=BaseModel)


class Page(Response, Generic[Entry]):
    """One page of a list. `next` is the cursor of the next page, or null on the last page."""

    items: list[Entry]
    next: str | None = None
