"""Snapshots: files that a pipeline downloads for look-ups without a network."""

from typing import Annotated, Literal

from pydantic import Field

from firsthand.core.verdicts import PolicyName
from firsthand.schemas.base import Digest, Position, Request, Response
from firsthand.schemas.models import OriginCounts

#: The form of the files; docs/reference/snapshot-format.md describes it.
Form = Literal["firsthand snapshot 2"]
FORM: Form = "firsthand snapshot 2"

#: Bits per fingerprint. 28: about 4.5 bytes per item. 12: half the size, but wrong verdicts are 65,536 times as
#: frequent.
Bits = Literal[12, 28]
DEFAULT_BITS: Bits = 28

#: The codes of verdicts that a shard can store; docs/reference/snapshot-format.md lists them.
Code = Literal[1, 2, 5, 6, 7, 13, 14, 15]

#: The maximum size of a file of a snapshot in bytes: 240 million items whose digests have the same first byte.
MAX_SHARD_BYTES = 2**30


class NewSnapshot(Request):
    """A snapshot to build."""

    #: The position of the log to use, by default the last one.
    as_of: Position | None = None
    policy: PolicyName = "strict"
    bits: Bits = DEFAULT_BITS


class Shard(Response):
    """One file of a snapshot."""

    items: Annotated[int, Field(ge=0)]
    #: The codes of the verdicts that this shard stores. If a look-up gives another code, the verdict is unknown.
    codes: Annotated[list[Code], Field(max_length=8)]
    bytes: Annotated[int, Field(ge=0, le=MAX_SHARD_BYTES)]
    #: The SHA-256 of the file.
    digest: Digest


class Snapshot(Response):
    """The manifest of a snapshot: its source, its counts, and the digest of each of its files."""

    form: Form
    #: The first 32 hexadecimal digits of the SHA-256 of form, position, statement, policy and bits (RFC 8785).
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    position: Position
    #: The digest of the statement at the position; null at position 0.
    statement: Digest | None
    policy: PolicyName
    bits: Bits
    #: The counts of registered items, so `unknown` is always 0. Items outside the snapshot are unknown.
    counts: OriginCounts
    #: One shard per first byte of the digests, in the order from 0x00 to 0xff.
    shards: Annotated[list[Shard], Field(min_length=256, max_length=256)]
    #: The SHA-256 of all other fields (RFC 8785).
    digest: Digest

    @property
    def items(self) -> int:
        return self.counts.total

    @property
    def bytes(self) -> int:
        """The total size of all shards."""
        return sum(shard.bytes for shard in self.shards)


class Summary(Response):
    """A snapshot in a list, without its shards."""

    id: str
    position: Position
    policy: PolicyName
    bits: Bits
    counts: OriginCounts
    bytes: int


class Requested(Response):
    """The answer to a NewSnapshot. If `ready` is false, the snapshot is being built: repeat the same request."""

    id: str
    position: Position
    policy: PolicyName
    bits: Bits
    ready: bool
