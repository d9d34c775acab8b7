"""Organizations and their keys: who speaks."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from firsthand.core.names import OrganizationName
from firsthand.schemas.base import Position, Request, Response, Text

Scope = Literal["read", "write", "admin"]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=3)]


class NewOrganization(Request):
    name: OrganizationName
    title: Text = ""


class Organization(Response):
    name: str
    title: str
    position: Position


class NewKey(Request):
    organization: OrganizationName
    name: Text = ""
    scopes: Scopes = ["read", "write"]


class Key(Response):
    """A key as it is listed: never its secret."""

    id: str
    organization: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    revoked_at: datetime | None


class IssuedKey(Key):
    """A key in the one answer that shows it whole."""

    key: str


class Revocation(Response):
    id: str
    position: Position
