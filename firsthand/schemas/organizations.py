"""Organizations and their keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from firsthand.core.names import OrganizationName
from firsthand.schemas.base import Moment, Position, Request, Response, Text

#: `admin` manages the keys of its own organization. `operator` manages the registry and the keys of all organizations.
Scope = Literal["read", "write", "admin", "operator"]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=4)]

#: Seconds for which an old key stays valid after its rotation: by default, and at most.
DEFAULT_OVERLAP = 24 * 3600
MAX_OVERLAP = 30 * 24 * 3600


class NewOrganization(Request):
    """An organization to create."""

    name: OrganizationName
    title: Text = ""


class Organization(Response):
    """An organization: it has keys and makes statements."""

    name: str
    title: str
    position: Position


class NewKey(Request):
    """A key to create."""

    organization: OrganizationName
    name: Text = ""
    scopes: Scopes = ["read", "write"]
    #: When the key expires; null means never.
    expires_at: Moment | None = None


class NewRotation(Request):
    """The replacement of a key by a new key. The old key stays valid for `overlap` seconds."""

    overlap: Annotated[int, Field(ge=0, le=MAX_OVERLAP)] = DEFAULT_OVERLAP
    #: When the new key expires. By default, it is valid for as long as the old key was valid from its creation.
    expires_at: Moment | None = None


class Key(Response):
    """A key without its secret."""

    id: str
    organization: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None = None
    #: The time of the last use, updated at most once per hour; null if the key was never used.
    last_used_at: datetime | None = None
    #: The id of the key that replaced this key in a rotation; null if there is none.
    replaced_by: str | None = None


class IssuedKey(Key):
    """A new key with its secret, which no other answer contains."""

    key: str


class RotatedKey(IssuedKey):
    """A new key that replaces an old key.

    `replaces` is the id of the old key, which is valid until `replaced_until`.
    """

    replaces: str
    replaced_until: datetime


class Revocation(Response):
    """A revoked key, and the position of the revocation in the log."""

    id: str
    position: Position
