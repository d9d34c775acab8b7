"""Datasets: named collections of items. Registrations add items to them."""

from firsthand.core.digests import Profile
from firsthand.schemas.base import Position, Request, Response, Text


class NewDataset(Request):
    """A dataset to create."""

    #: The digest profile: what exactly is hashed (see `firsthand.core.digests`). It cannot be changed later.
    profile: Profile = "bytes-1"
    title: Text = ""


class Dataset(Response):
    """A dataset, with the numbers of its standing registrations and claims (those that are not withdrawn)."""

    name: str
    profile: Profile
    title: str
    position: Position
    #: The number of registrations that stand at the last position of the log, and of the claims in them.
    registrations: int
    claims: int
