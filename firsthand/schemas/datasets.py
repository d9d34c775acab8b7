"""Datasets: named collections of items, to which registrations add."""

from firsthand.core.digests import Profile
from firsthand.schemas.base import Position, Request, Response, Text


class NewDataset(Request):
    """A dataset to create."""

    #: What exactly a digest in this dataset hashes (see `firsthand.core.digests`). It cannot be changed.
    profile: Profile = "bytes-1"
    title: Text = ""


class Dataset(Response):
    """A dataset, with the number of its standing registrations and claims."""

    name: str
    profile: Profile
    title: str
    position: Position
    #: The registrations that stand at the head of the log, and the claims in them.
    registrations: int
    claims: int
