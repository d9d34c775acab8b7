"""The depth and the number of values of a JSON text, measured before it is parsed.

A parser builds an object per value, and goes one call deeper per level. A few megabytes of `[[],[],…]` therefore cost
seconds and hundreds of megabytes. Here brackets and commas are counted by numpy: a few nanoseconds per byte, most of
them without the lock of the interpreter.
"""

from typing import NamedTuple

import numpy as np

from service.errors import Malformed, Unprocessable

#: The most levels of arrays and objects in a body. The deepest body that a call reads has five.
MOST_DEPTH = 32

_OTHER = bytes(set(range(256)) - set(b'"[]{},'))
_STEP = np.zeros(256, dtype=np.int8)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1
_PIECE = 2**20


class Structure(NamedTuple):
    """The deepest level, and an upper bound of the number of values."""

    depth: int
    values: int


def check(text: bytes, most_values: int) -> None:
    """Raise Malformed if the text is too deep, or Unprocessable if it has too many values."""
    if text.count(b"[") + text.count(b"{") <= MOST_DEPTH and text.count(b",") < most_values - MOST_DEPTH:
        return
    depth, values = measure(text)
    if depth > MOST_DEPTH:
        raise Malformed(f"The body has over {MOST_DEPTH} levels of arrays and objects. Send a flatter one.")
    if values > most_values:
        raise Unprocessable.at(
            "body", f"it has about {values:,} values; at most {most_values:,} are read: send several"
        )


def measure(text: bytes) -> Structure:
    """Return the depth and the number of values. Text that is not JSON gives numbers that mean nothing."""
    # pairs of backslashes first: what then still stands before a quote escapes it
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
    marks = np.frombuffer(unescaped.translate(None, _OTHER), dtype=np.uint8)
    depth, deepest, values, in_text = 0, 0, 1, 0
    for start in range(0, len(marks), _PIECE):
        piece = marks[start : start + _PIECE]
        quotes = piece == ord('"')
        # the parity of the number of quotes so far; it does not matter that the sum of bytes overflows
        inside = (np.cumsum(quotes, dtype=np.uint8) + np.uint8(in_text)) & 1
        outside = piece[inside == 0]
        steps = _STEP[outside]
        depths = np.cumsum(steps, dtype=np.int32)
        if len(depths):
            deepest = max(deepest, depth + int(depths.max()))
            depth += int(depths[-1])
        values += int(np.count_nonzero(outside == ord(","))) + int(np.count_nonzero(steps > 0))
        in_text = int(inside[-1])
    return Structure(deepest, values)
