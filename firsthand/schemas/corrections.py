"""Corrections: withdrawals of statements of your organization, and disputes of registrations of other organizations."""

from typing import Annotated

from pydantic import Field

from firsthand.schemas.base import Digest, Position, Request, Response, Text

NamedItems = Annotated[list[Digest], Field(min_length=1, max_length=100_000)]


class NewWithdrawal(Request):
    """A request to withdraw a registration (completely or for the listed items) or a dispute of your organization."""

    statement: Position
    digests: NamedItems | None = None
    reason: Text = ""


class Withdrawal(Response):
    """A withdrawal, with its position in the log and the number of withdrawn items."""

    position: Position
    statement: Position
    items: int
    reason: str


class NewDispute(Request):
    """A request to dispute a registration of another organization, completely or for the listed items."""

    registration: Position
    digests: NamedItems | None = None
    reason: Text = ""


class Dispute(Response):
    """A dispute, with its position in the log and the number of disputed items."""

    position: Position
    registration: Position
    items: int
    reason: str
