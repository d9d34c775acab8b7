"""Asking a snapshot in place of a registry, and believing it no further than its form allows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.core.verdicts import IS_HUMAN, NO_GENERATION, UNKNOWN
from firsthand.files.inputs import Item, hash_both
from firsthand.http import lookup_result
from firsthand.http.lookup_result import Lookup
from firsthand.snapshots.snapshot import Snapshot

#: Fingerprints so wide are believed when they say human.
_BELIEVED = 28


class Local:
    """Verdicts out of a snapshot. `human` out of 12 bits is unknown, unless `registry` is there to be asked again.

    For unknown is never human, and a stranger's item is called human once in 65,536 times by 12 bits, and by whoever
    tries as many variants as that.
    """

    def __init__(self, snapshot: Snapshot, registry: Client | None = None) -> None:
        self.snapshot, self._registry = snapshot, registry
        #: Items that nobody knows and that got a verdict all the same: how many are to be expected.
        self.expected = 0.0
        #: Look-ups that said human and were counted as unknown.
        self.unconfirmed = 0
        #: Look-ups whose `human` the registry was asked about.
        self.confirmed = 0

    def check(self, items: Sequence[Item]) -> Lookup:
        """As `Client.check`: a text is asked under both digest profiles, and the answers joined."""
        return self.lookup_joined(hash_both(items))

    def lookup_joined(self, profiles: Sequence[Digests]) -> Lookup:
        """As `Client.lookup_joined`; what is the same under several profiles is asked once."""
        exact, *others = profiles
        answer = self.lookup(exact)
        for text in others:
            rows = np.flatnonzero((exact != text).any(axis=1))  # most texts are canonical as they stand
            if len(rows):
                answer = answer.put(rows, lookup_result.join([answer.take(rows), self.lookup(text[rows])]))
        return answer

    def lookup(self, digests: Digests) -> Lookup:
        """The verdicts on `uint8[n, 32]`, in order."""
        answer = self.snapshot.answer(digests)
        doubtful = self._registry is not None or self.snapshot.manifest.bits < _BELIEVED
        rate = self.snapshot.false_verdicts - (self.snapshot.false_humans if doubtful else 0.0)
        self.expected += rate * int((answer.verdict == UNKNOWN).sum())
        rows = np.flatnonzero(answer.verdict == IS_HUMAN)
        if not doubtful or not len(rows):
            return answer
        return self._asked(answer, rows, digests) if self._registry is not None else self._withheld(answer, rows)

    def _asked(self, answer: Lookup, rows: npt.NDArray[np.intp], digests: Digests) -> Lookup:
        assert self._registry is not None
        exact = self._registry.lookup(digests[rows], answer.policy, answer.position)
        self.confirmed += len(rows)
        return answer.put(rows, exact)

    def _withheld(self, answer: Lookup, rows: npt.NDArray[np.intp]) -> Lookup:
        self.unconfirmed += len(rows)
        verdict, generation = answer.verdict.copy(), answer.generation.copy()
        verdict[rows], generation[rows] = UNKNOWN, NO_GENERATION
        return replace(answer, verdict=verdict, generation=generation)
