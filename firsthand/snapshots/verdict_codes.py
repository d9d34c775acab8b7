"""The four-bit payload that a snapshot stores for the verdict on an item.

| payload | meaning |
|---|---|
| 1 | human |
| 2 | contested |
| 5, 6 | a model of generation 1, 2 |
| 7 | a model of generation 3 or more |
| 13, 14, 15 | the same as 5, 6, 7; the generation is a lower bound |

The other eight payloads have no meaning and are never stored. If the fingerprint of an unregistered item matches by
chance, its payload is random. The manifest lists the payloads of each shard, and all others mean unknown: an empty
shard answers nothing, and a shard without models never answers model.
"""

from collections.abc import Sequence

import numpy as np

from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, UNKNOWN, Verdicts
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots.binary_fuse import PAYLOAD_BITS, Codes

HIGHEST = 3
_HUMAN, _CONTESTED, _MODEL, _LOWER_BOUND = 1, 2, 4, 8

_PAYLOADS = np.arange(2**PAYLOAD_BITS)
_MADE = (_PAYLOADS & _MODEL != 0) & (_PAYLOADS & HIGHEST != 0)
_VERDICT = np.where(_MADE, IS_MODEL, UNKNOWN).astype(np.uint8)
_VERDICT[_HUMAN], _VERDICT[_CONTESTED] = IS_HUMAN, CONTESTED
_GENERATION = np.where(_MADE, _PAYLOADS & HIGHEST, NO_GENERATION).astype(np.int16)
_GENERATION[_HUMAN] = 0
# The highest generation also represents all generations above it, so it is always a lower bound.
_BOUND = _MADE & ((_PAYLOADS & _LOWER_BOUND != 0) | (_PAYLOADS & HIGHEST == HIGHEST))

#: The payloads that have a meaning: those of human, contested and model.
MEANINGFUL: tuple[int, ...] = tuple(np.flatnonzero(_VERDICT != UNKNOWN).tolist())


def encode(verdicts: Verdicts) -> Codes:
    """Convert verdicts into payloads, `[n]`. The verdict unknown gives 0, which is never stored."""
    generation = np.clip(verdicts.generation, 1, HIGHEST).astype(np.uint8)
    made = (_MODEL | generation | np.where(verdicts.lower_bound, _LOWER_BOUND, 0)).astype(np.uint8)
    coded = np.where(verdicts.verdict == IS_MODEL, made, 0)
    coded = np.where(verdicts.verdict == IS_HUMAN, _HUMAN, coded)
    return np.where(verdicts.verdict == CONTESTED, _CONTESTED, coded).astype(np.uint8)


def decode(payloads: Codes) -> Verdicts:
    """Convert payloads into verdicts, `[n]`. A payload without a meaning gives unknown."""
    return Verdicts(_VERDICT[payloads], _GENERATION[payloads], _BOUND[payloads])


def answered(stored: Sequence[Sequence[int]]) -> Codes:
    """Return the payload that each shard answers, for each payload that is read from its table: `uint8[256 * 16]`.

    The index is 16 * shard + payload that is read. If the shard stores this payload, the answer is the same payload,
    otherwise 0 (unknown). `stored` has the payloads that each shard stores.
    """
    answers = np.zeros((len(stored), 2**PAYLOAD_BITS), dtype=np.uint8)
    for shard, payloads in enumerate(stored):
        answers[shard, list(payloads)] = payloads
    return answers.reshape(-1)


def false_verdicts(bits: Bits, stored: Sequence[Sequence[int]]) -> float:
    """Return the probability that an unregistered item gets the verdict human, model or contested, not unknown.

    It is at most 2⁻¹³ for 12 bits, and 2⁻²⁹ for 28 bits. `stored` has the payloads that each shard stores. The digests
    of unregistered items are assumed to be uniform. This is true only for digests that were chosen without knowledge of
    the snapshot. An attacker who has the snapshot can search for a digest that gets the verdict human.
    """
    return _share(stored, MEANINGFUL) * 2.0**-bits


def false_humans(bits: Bits, stored: Sequence[Sequence[int]]) -> float:
    """Return the probability that an unregistered item gets the verdict human.

    It is at most 2⁻¹⁶ for 12 bits, and 2⁻³² for 28 bits. The assumptions are those of `false_verdicts`.
    """
    return _share(stored, (_HUMAN,)) * 2.0**-bits


def _share(stored: Sequence[Sequence[int]], wanted: Sequence[int]) -> float:
    """Return the probability that a random payload in a random shard is one of `wanted` and is stored in this shard."""
    of_shards = [len(set(wanted) & set(payloads)) / len(_PAYLOADS) for payloads in stored]
    return sum(of_shards) / max(len(of_shards), 1)
