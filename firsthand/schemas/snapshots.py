"""Snapshots: what a pipeline downloads to ask locally."""

from typing import Annotated, Literal

from pydantic import Field

from firsthand.core.verdicts import PolicyName
from firsthand.schemas.base import Digest, Position, Request, Response
from firsthand.schemas.models import OriginCounts

#: The form of the files; docs/reference/snapshot-format.md describes it.
Form = Literal["firsthand snapshot 1"]
FORM: Form = "firsthand snapshot 1"

#: Bits of a fingerprint: 12 make about 2.3 bytes an item, 28 twice that, and false verdicts 65,536 times rarer.
Bits = Literal[12, 28]


class NewSnapshot(Request):
    #: The position to read at; the head of the log where none is given.
    as_of: Position | None = None
    policy: PolicyName = "strict"
    bits: Bits = 12


class Shard(Response):
    """One file of a snapshot."""

    items: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    #: SHA-256 of the file.
    digest: Digest


class Snapshot(Response):
    """The manifest: what the snapshot holds, and the digest of each file of it."""

    form: Form
    #: 32 hexadecimal digits of the SHA-256 of form, position, statement, policy and bits (their RFC 8785 bytes).
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    position: Position
    #: The digest of the statement at the position; null at position 0.
    statement: Digest | None
    policy: PolicyName
    bits: Bits
    #: Items that are known: `unknown` is always 0 here, and what is in no snapshot is unknown.
    counts: OriginCounts
    #: By the first byte of the digests: the shard of 0x00 first.
    shards: Annotated[list[Shard], Field(min_length=256, max_length=256)]
    #: SHA-256 of all other fields (their RFC 8785 bytes).
    digest: Digest

    @property
    def items(self) -> int:
        return self.counts.total

    @property
    def bytes(self) -> int:
        """Of all shards."""
        return sum(shard.bytes for shard in self.shards)


class Summary(Response):
    """A snapshot in a list: all but its shards."""

    id: str
    position: Position
    policy: PolicyName
    bits: Bits
    counts: OriginCounts
    bytes: int


class Requested(Response):
    """The answer to a request: where `ready` is false it is being built, and the same request again says when."""

    id: str
    position: Position
    policy: PolicyName
    bits: Bits
    ready: bool
