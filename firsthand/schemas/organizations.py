"""Organizations and their keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from firsthand.core.names import OrganizationName
from firsthand.schemas.base import Position, Request, Response, Text

Scope = Literal["read", "write", "admin"]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=3)]


class NewOrganization(Request):
    """An organization to create."""

    name: OrganizationName
    title: Text = ""


class Organization(Response):
    """A party that holds keys and makes statements."""

    name: str
    title: str
    position: Position


class NewKey(Request):
    """A key to create."""

    organization: OrganizationName
    name: Text = ""
    scopes: Scopes = ["read", "write"]


class Key(Response):
    """A key without its secret."""

    id: str
    organization: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    revoked_at: datetime | None


class IssuedKey(Key):
    """A new key with its secret, which no other answer contains."""

    key: str


class Revocation(Response):
    """A revoked key, and the position of the revocation in the log."""

    id: str
    position: Position
