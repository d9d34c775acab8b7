"""Datasets: named, growing collections of items."""

from firsthand.core.digests import Profile
from firsthand.schemas.base import Position, Request, Response, Text


class NewDataset(Request):
    #: What exactly a digest in this dataset hashes (`firsthand.core.digests`); it never changes.
    profile: Profile = "bytes-1"
    title: Text = ""


class Dataset(Response):
    name: str
    profile: Profile
    title: str
    position: Position
    #: Registrations that stand at the head of the log, and the claims in them.
    registrations: int
    claims: int
