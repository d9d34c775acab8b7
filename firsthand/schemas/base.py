"""What every message of the wire has in common."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from firsthand.core.digests import from_text, to_text


class Request(BaseModel):
    """What a client sends: a field that nobody knows is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Response(BaseModel):
    """What a registry answers: fields of a newer registry are ignored by an older client."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _canonical_digest(text: str) -> str:
    return to_text(from_text(text))


#: `sha256:<hex>`; bare hexadecimal is accepted and given its prefix.
Digest = Annotated[
    str,
    StringConstraints(pattern=r"^(sha256:)?[0-9a-fA-F]{64}$"),
    AfterValidator(_canonical_digest),
    Field(examples=["sha256:" + "0f" * 32]),
]

#: A place in the log; 0 is before the first statement.
Position = Annotated[int, Field(ge=0, le=2**53 - 1)]
#: More models than this between an item and human data are not told apart.
MAX_GENERATION = 32_000
Generation = Annotated[int, Field(ge=1, le=MAX_GENERATION)]
Text = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


def _whole_seconds_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("this time is outside of the calendar") from None


#: A time with its zone; kept in UTC, to the second.
Moment = Annotated[AwareDatetime, AfterValidator(_whole_seconds_utc)]

Entry = TypeVar("Entry", bound=BaseModel)


class Page(Response, Generic[Entry]):
    """One page of a list; `next` is the opaque cursor of the page after it, or null on the last."""

    items: list[Entry]
    next: str | None = None
