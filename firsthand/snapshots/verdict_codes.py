"""What a snapshot says of an item, in four bits.

| payload | says |
|---|---|
| 1 | human |
| 2 | contested |
| 5, 6 | a model of generation 1, 2 |
| 7 | a model of generation 3 or more |
| 13, 14, 15 | as 5, 6, 7, of a generation known only from below |

The other eight stand for nothing and are never stored: what a stranger's slots amount to by chance is one of them half
of the time, and then is no false verdict.
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
# the highest stands for all above it, so it too is known only from below
_BOUND = _MADE & ((_PAYLOADS & _LOWER_BOUND != 0) | (_PAYLOADS & HIGHEST == HIGHEST))

#: Payloads that stand for a verdict; of these, one is human.
MEANINGFUL = int((_VERDICT != UNKNOWN).sum())


def encode(verdicts: Verdicts) -> Codes:
    """Verdicts → payloads, `[n]`; 0 for what is unknown, which is not to be stored."""
    generation = np.clip(verdicts.generation, 1, HIGHEST).astype(np.uint8)
    made = (_MODEL | generation | np.where(verdicts.lower_bound, _LOWER_BOUND, 0)).astype(np.uint8)
    coded = np.where(verdicts.verdict == IS_MODEL, made, 0)
    coded = np.where(verdicts.verdict == IS_HUMAN, _HUMAN, coded)
    return np.where(verdicts.verdict == CONTESTED, _CONTESTED, coded).astype(np.uint8)


def decode(payloads: Codes) -> Verdicts:
    """Payloads → verdicts, `[n]`; what stands for nothing is unknown."""
    return Verdicts(_VERDICT[payloads], _GENERATION[payloads], _BOUND[payloads])


def false_verdicts(bits: Bits) -> float:
    """The probability that a digest which is in no snapshot is given a verdict all the same: 2⁻¹³ or 2⁻²⁹.

    For digests that nobody chose against this very snapshot; who has it can search for one that it knows nothing of
    and that it takes for human.
    """
    return MEANINGFUL * 2.0 ** -(bits + PAYLOAD_BITS)


def false_humans(bits: Bits) -> float:
    """The probability that it is called human: 2⁻¹⁶ or 2⁻³²."""
    return 2.0 ** -(bits + PAYLOAD_BITS)
