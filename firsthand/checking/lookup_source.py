"""Whom a gate asks: a registry at one position, or a snapshot in its place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.core.verdicts import PolicyName
from firsthand.http.lookup_result import Lookup
from firsthand.snapshots.snapshot import Snapshot
from firsthand.snapshots.source import Local


class Asking(Protocol):
    """Whatever answers look-ups."""

    def lookup_joined(self, profiles: Sequence[Digests]) -> Lookup:
        """The verdicts on n items whose digests are given under several profiles, `uint8[n, 32]` each."""


@dataclass(frozen=True)
class Online:
    """A registry under one policy at one position."""

    client: Client
    policy: PolicyName = "strict"
    as_of: int | None = None

    def lookup_joined(self, profiles: Sequence[Digests]) -> Lookup:
        return self.client.lookup_joined(profiles, self.policy, self.as_of)


@dataclass(frozen=True)
class Question:
    """Whom to ask, and how: small enough to be handed to other processes, which then ask the same."""

    policy: PolicyName
    position: int
    #: A pulled snapshot's folder; None asks the registry.
    snapshot: Path | None = None
    #: Whether the registry is asked about what the snapshot calls human.
    confirm: bool = False
    retries: int = 2

    @contextmanager
    def opened(self) -> Iterator["Desk"]:
        with Client(retries=self.retries) as client:
            yield Desk(self, client, Snapshot.open(self.snapshot) if self.snapshot else None)


@dataclass(frozen=True)
class Desk:
    """Where a question is asked, again and again."""

    question: Question
    client: Client
    snapshot: Snapshot | None

    def asking(self) -> Asking:
        """A new one each time, so that a `Local` counts what it doubted since then."""
        if self.snapshot is None:
            return Online(self.client, self.question.policy, self.question.position)
        return Local(self.snapshot, self.client if self.question.confirm else None)


@dataclass(frozen=True)
class Doubts:
    """How far answers out of a snapshot are to be believed; they add up."""

    #: Items that nobody knows and that got a verdict all the same: how many are to be expected.
    expected: float = 0.0
    #: Look-ups that said human and were counted as unknown.
    unconfirmed: int = 0
    #: Look-ups whose `human` the registry was asked about.
    confirmed: int = 0

    def __add__(self, other: "Doubts") -> "Doubts":
        return Doubts(
            self.expected + other.expected, self.unconfirmed + other.unconfirmed, self.confirmed + other.confirmed
        )

    @classmethod
    def of(cls, asking: Asking) -> "Doubts":
        if not isinstance(asking, Local):
            return cls()
        return cls(asking.expected, asking.unconfirmed, asking.confirmed)
