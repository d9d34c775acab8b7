"""The source of verdicts for `check`, `filter` and `annotate`: a registry at a fixed position, or a snapshot.

A source is small and can be pickled. Each process opens its own copy with `open()`.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.core.verdicts import IS_HUMAN, NO_GENERATION, UNKNOWN, PolicyName, Verdict
from firsthand.files.inputs import Item, hash_both
from firsthand.http import lookup_result
from firsthand.http.lookup_result import Lookup
from firsthand.snapshots import manifest
from firsthand.snapshots.snapshot import Snapshot

#: The minimum number of bits per fingerprint: with fewer bits, the verdict `human` of a snapshot is not certain enough.
_BITS_FOR_HUMAN = 28


def refuse_human(keep: Collection[Verdict], bits: int) -> None:
    """Raise ValueError if a filter keeps the verdict human, but a snapshot with these bits never answers human.

    Without a registry, such a snapshot answers unknown instead of human. So all items with the verdict human would be
    dropped. If `keep` also contains unknown, these items are kept, and nothing is raised.
    """
    if bits < _BITS_FOR_HUMAN and "human" in keep and "unknown" not in keep:
        raise ValueError(
            f"this snapshot has fingerprints of {bits} bits, and never answers human: every human item would be "
            f"dropped. Use a snapshot of {_BITS_FOR_HUMAN} bits (`firsthand snapshot create`), or let the registry "
            "confirm the verdict human (`--confirm`; in Python, SnapshotSource(snapshot, client))"
        )


@dataclass(frozen=True)
class SnapshotConfidence:
    """Counts that show how reliable the verdicts of a snapshot were. The counts of several look-ups can be added."""

    #: The expected number of unregistered items that got the verdict human, model or contested by chance.
    expected: float = 0.0
    #: The number of look-ups with the verdict human that were counted as unknown.
    unconfirmed: int = 0
    #: The number of look-ups with the verdict human that were sent to the registry.
    confirmed: int = 0

    def __add__(self, other: "SnapshotConfidence") -> "SnapshotConfidence":
        return SnapshotConfidence(
            self.expected + other.expected, self.unconfirmed + other.unconfirmed, self.confirmed + other.confirmed
        )


class OpenSource(Protocol):
    """A source that is open and can be used for look-ups."""

    def lookup_joined(self, profiles: Sequence[Digests]) -> Lookup:
        """Return the verdicts on n items. `profiles` has the digests under each digest profile, `uint8[n, 32]` each."""

    def take_confidence(self) -> SnapshotConfidence:
        """Return the counts for the look-ups since the last call of this method."""


class LookupSource(Protocol):
    """A source that can be pickled and that each process opens. See `RegistrySource` and `SnapshotSource`."""

    def open(self) -> AbstractContextManager[OpenSource]:
        """Return a context manager that opens the source and closes it at the end of the `with` block."""


@dataclass(frozen=True)
class KeptOpen:
    """An opened source of the caller as a `LookupSource`: it stays open after the `with` block."""

    source: OpenSource

    @contextmanager
    def open(self) -> Iterator[OpenSource]:
        yield self.source


@dataclass(frozen=True)
class RegistrySource:
    """A registry as the source of verdicts, with a policy and a position. None is the current end of the log."""

    client: Client
    policy: PolicyName = "strict"
    position: int | None = None

    @contextmanager
    def open(self) -> Iterator[Self]:
        with self.client:
            yield self

    def lookup_joined(self, profiles: Sequence[Digests]) -> Lookup:
        return self.client.lookup_joined(profiles, self.policy, self.position)

    def take_confidence(self) -> SnapshotConfidence:
        """Return counts of 0, because the answers of a registry are exact."""
        return SnapshotConfidence()


class SnapshotSource:
    """A snapshot as the source of verdicts: the path of its folder, or a `Snapshot` in memory.

    With fingerprints of 12 bits, 1 in 65,536 unregistered items gets the verdict human, and an attacker can craft such
    items. So this source answers unknown instead of human. If `registry` is given, these items are looked up in the
    registry instead. A path is pickled as a path: each process reads the files itself.
    """

    def __init__(self, snapshot: Snapshot | Path | str, registry: Client | None = None) -> None:
        self._snapshot, self._registry = snapshot, registry
        self._confidence = SnapshotConfidence()

    def __getstate__(self) -> dict[str, object]:
        """Return the state for pickle. It contains the digest of the manifest in the folder.

        Some engines use the pickle of the arguments as the key of a cache. After another snapshot was downloaded into
        the folder, the key is different.
        """
        state = dict(self.__dict__)
        if not isinstance(self._snapshot, Snapshot):
            content = manifest.load(Path(self._snapshot)).model_dump_json()
            state["_manifest_digest"] = hashlib.sha256(content.encode()).hexdigest()
        return state

    @property
    def registry(self) -> Client | None:
        """The registry that confirms the verdict human, or None."""
        return self._registry

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot in memory. Its files are read at the first access."""
        if not isinstance(self._snapshot, Snapshot):
            self._snapshot = Snapshot.open(self._snapshot)
        return self._snapshot

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Open the snapshot until the `with` block ends. Raises SnapshotError if a file is missing or damaged."""
        assert self.snapshot is not None
        try:
            yield self
        finally:
            if self._registry is not None:
                self._registry.close()

    def take_confidence(self) -> SnapshotConfidence:
        taken, self._confidence = self._confidence, SnapshotConfidence()
        return taken

    def check(self, items: Sequence[Item]) -> Lookup:
        """Return the verdicts on items, as `Client.check` does. A text is looked up under both digest profiles."""
        return self.lookup_joined(hash_both(items))

    def lookup_joined(self, profiles: Sequence[Digests]) -> Lookup:
        """Return the verdicts on n items, as `Client.lookup_joined` does. Equal digests are looked up once."""
        exact, *others = profiles
        answer = self.lookup(exact)
        for digests in others:
            rows = np.flatnonzero((exact != digests).any(axis=1))  # most texts are canonical, so this is a small part
            if len(rows):
                answer = answer.put(rows, lookup_result.join([answer.take(rows), self.lookup(digests[rows])]))
        return answer

    def lookup(self, digests: Digests) -> Lookup:
        """Return the verdicts on the items with these digests, `uint8[n, 32]`, in order."""
        answer = self.snapshot.answer(digests)
        human_is_certain = self._registry is None and self.snapshot.manifest.bits >= _BITS_FOR_HUMAN
        rate = self.snapshot.false_verdicts - (0.0 if human_is_certain else self.snapshot.false_humans)
        self._confidence += SnapshotConfidence(expected=rate * int((answer.verdict == UNKNOWN).sum()))
        rows = np.flatnonzero(answer.verdict == IS_HUMAN)
        if human_is_certain or not len(rows):
            return answer
        if self._registry is not None:
            self._confidence += SnapshotConfidence(confirmed=len(rows))
            return answer.put(rows, self._registry.lookup(digests[rows], answer.policy, answer.position))
        self._confidence += SnapshotConfidence(unconfirmed=len(rows))
        verdict, generation = answer.verdict.copy(), answer.generation.copy()
        verdict[rows], generation[rows] = UNKNOWN, NO_GENERATION
        return replace(answer, verdict=verdict, generation=generation)
