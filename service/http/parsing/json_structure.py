"""Measure the depth and the number of values of a JSON text, before it is parsed.

A parser creates an object per value, and one nested call per level. So a few megabytes of `[[],[],…]` need seconds and
hundreds of megabytes of memory. Here numpy counts brackets and commas: a few nanoseconds per byte, most of the time
without the lock of the interpreter.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

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
    """Raise Malformed if the text is too deep, or Unprocessable if it has too many values.

    The text is measured in pieces, so a text that is far over a limit costs no more than one that is just over it.
    """
    if len(text) < most_values and text.count(b"[") + text.count(b"{") <= MOST_DEPTH:
        return  # most bodies are small and flat
    _check(_pieces(text), most_values)


def check_file(file: IO[bytes], most_values: int) -> None:
    """Check the text from the current position of a file to its end, as `check` does, and go back to this position.

    So a text that is refused is never in memory as a whole.
    """
    start = file.tell()
    _check(_pieces_of(file), most_values)
    file.seek(start)


def _check(pieces: Iterable[bytes], most_values: int) -> None:
    for structure in _running(pieces):
        if structure.depth > MOST_DEPTH:
            raise Malformed(
                f"The body has more than {MOST_DEPTH} nested levels of arrays and objects. Send one with fewer levels."
            )
        if structure.values > most_values:
            raise Unprocessable.at("body", f"it has over {most_values:,} values; send several requests with fewer")


def measure(text: bytes) -> Structure:
    """Return the depth and the number of values. For a text that is not JSON, the numbers have no meaning."""
    *_, structure = _running(_pieces(text))
    return structure


def _running(pieces: Iterable[bytes]) -> Iterator[Structure]:
    """Yield the structure of the text up to the end of each piece."""
    depth, deepest, values, in_text = 0, 0, 1, 0
    for content in pieces:
        piece = _marks(content)
        quotes = piece == ord('"')
        # The parity of the number of quotes up to each byte. An overflow of the sum of bytes does not change the
        # parity.
        inside = (np.cumsum(quotes, dtype=np.uint8) + np.uint8(in_text)) & 1
        outside = piece[inside == 0]
        steps = _STEP[outside]
        if len(outside):
            depths = np.cumsum(steps, dtype=np.int32)
            deepest = max(deepest, depth + int(depths.max()))
            depth += int(depths[-1])
        if len(inside):
            in_text = int(inside[-1])
        values += int(np.count_nonzero(outside == ord(","))) + int(np.count_nonzero(steps > 0))
        yield Structure(deepest, values)


def _pieces(text: bytes) -> Iterator[bytes]:
    return _pieces_of(BytesIO(text))


def _pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a text, at least one. No piece ends between a backslash and the character that it escapes."""
    while piece := file.read(_PIECE):
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        yield piece + file.read(backslashes % 2)
    yield b""


def _marks(piece: bytes) -> npt.NDArray[np.uint8]:
    """Return the brackets, the commas, and the quotes that are not escaped."""
    if b"\\" in piece:
        # Remove pairs of backslashes first. If a backslash then remains before a quote, it escapes the quote.
        piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
    return np.frombuffer(piece.translate(None, _OTHER), dtype=np.uint8)
