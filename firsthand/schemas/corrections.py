"""Corrections: withdrawals of one's own statements, disputes of another's."""

from typing import Annotated

from pydantic import Field

from firsthand.schemas.base import Digest, Position, Request, Response, Text

NamedItems = Annotated[list[Digest], Field(min_length=1, max_length=100_000)]


class NewWithdrawal(Request):
    """Take back one's own registration, whole or of named items, or one's own dispute."""

    statement: Position
    digests: NamedItems | None = None
    reason: Text = ""


class Withdrawal(Response):
    position: Position
    statement: Position
    items: int
    reason: str


class NewDispute(Request):
    """Contest another's registration, whole or of named items."""

    registration: Position
    digests: NamedItems | None = None
    reason: Text = ""


class Dispute(Response):
    position: Position
    registration: Position
    items: int
    reason: str
