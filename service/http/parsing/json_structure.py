"""Measure the depth and the number of values of a JSON text, before it is parsed.

A parser creates an object per value, and one nested call per level. So a few megabytes of `[[],[],…]` need seconds and
hundreds of megabytes of memory. Here numpy counts brackets and commas: a few nanoseconds per byte, most of the time
without the lock of the interpreter.
"""

from typing import NamedTuple

import numpy as np

from service.errors import Malformed, Unprocessable

#: The maximum number of levels of arrays and objects in a body. The deepest body of the API has five.
MOST_DEPTH = 32

_OTHER = bytes(set(range(256)) - set(b'"[]{},'))
_STEP = np.zeros(256, dtype=np.int8)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1
_PIECE = 2**20


class Structure(NamedTuple):
    """The number of nested levels of a JSON text, and an upper bound of the number of its values."""

    depth: int
    values: int


def check(text: bytes, most_values: int) -> None:
    """Raise Malformed if the text has too many levels, or Unprocessable if it has too many values."""
    if text.count(b"[") + text.count(b"{") <= MOST_DEPTH and text.count(b",") < most_values - MOST_DEPTH:
        return
    depth, values = measure(text)
    if depth > MOST_DEPTH:
        raise Malformed(
            f"The body has more than {MOST_DEPTH} nested levels of arrays and objects. Send a body with fewer levels."
        )
    if values > most_values:
        raise Unprocessable.at(
            "body", f"it has about {values:,} values; at most {most_values:,} are allowed: send several requests"
        )


def measure(text: bytes) -> Structure:
    """Return the depth and the number of values. For a text that is not JSON, the numbers have no meaning."""
    # Remove pairs of backslashes first. If a backslash then remains before a quote, it escapes the quote.
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
    marks = np.frombuffer(unescaped.translate(None, _OTHER), dtype=np.uint8)
    depth, deepest, values, in_text = 0, 0, 1, 0
    for start in range(0, len(marks), _PIECE):
        piece = marks[start : start + _PIECE]
        quotes = piece == ord('"')
        # The parity of the number of quotes up to each byte. An overflow of the sum of bytes does not change the
        # parity.
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
