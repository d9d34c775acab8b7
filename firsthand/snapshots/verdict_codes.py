"""The four-bit payload that a snapshot stores for the verdict on an item.

| payload | meaning |
|---|---|
| 1 | human |
| 2 | contested |
| 5, 6 | a model of generation 1, 2 |
| 7 | a model of generation 3 or more |
| 13, 14, 15 | the same as 5, 6, 7; the generation is a lower bound |

The other eight payloads have no meaning and are never stored. If the fingerprint of an unregistered item matches by
chance, its payload is random. In half of these cases, it has no meaning, and the verdict is unknown.
"""

import numpy as np

from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, UNKNOWN, Verdicts
from firsthand.snapshots.binary_fuse import PAYLOAD_BITS, Bits, Codes

HIGHEST = 3
_HUMAN, _CONTESTED, _MODEL, _LOWER_BOUND = 1, 2, 4, 8

_PAYLOADS = np.arange(2**PAYLOAD_BITS)
_MADE = (_PAYLOADS & _MODEL != 0) & (_PAYLOADS & HIGHEST != 0)
_VERDICT = np.where(_MADE, IS_MODEL, UNKNOWN).astype(np.uint8)
_VERDICT[_HUMAN], _VERDICT[_CONTESTED] = IS_HUMAN, CONTESTED
_GENERATION = np.where(_MADE, _PAYLOADS & HIGHEST, NO_GENERATION).astype(np.int16)
_GENERATION[_HUMAN] = 0
# the highest generation also represents all above it, so it is always a lower bound
_BOUND = _MADE & ((_PAYLOADS & _LOWER_BOUND != 0) | (_PAYLOADS & HIGHEST == HIGHEST))

#: The number of payloads with a meaning. Exactly one of these means human.
MEANINGFUL = int((_VERDICT != UNKNOWN).sum())


def encode(verdicts: Verdicts) -> Codes:
    """Convert verdicts into payloads, `[n]`. Unknown gives 0, which must not be stored."""
    generation = np.clip(verdicts.generation, 1, HIGHEST).astype(np.uint8)
    made = (_MODEL | generation | np.where(verdicts.lower_bound, _LOWER_BOUND, 0)).astype(np.uint8)
    coded = np.where(verdicts.verdict == IS_MODEL, made, 0)
    coded = np.where(verdicts.verdict == IS_HUMAN, _HUMAN, coded)
    return np.where(verdicts.verdict == CONTESTED, _CONTESTED, coded).astype(np.uint8)


def decode(payloads: Codes) -> Verdicts:
    """Convert payloads into verdicts, `[n]`. A payload without a meaning gives unknown."""
    return Verdicts(_VERDICT[payloads], _GENERATION[payloads], _BOUND[payloads])


def false_verdicts(bits: Bits) -> float:
    """Return the probability that an unregistered item gets the verdict human, model or contested, not unknown.

    It is 2⁻¹³ for 12 bits, and 2⁻²⁹ for 28 bits.

    This is true only for digests that were chosen without knowledge of the snapshot. An attacker who has the snapshot
    can search for a digest that gets the verdict human.
    """
    return MEANINGFUL * 2.0 ** -(bits + PAYLOAD_BITS)


def false_humans(bits: Bits) -> float:
    """Return the probability that an unregistered item gets the verdict human: 2⁻¹⁶ (12 bits), 2⁻³² (28 bits)."""
    return 2.0 ** -(bits + PAYLOAD_BITS)
