"""Change a request body in ways that break parsers. The same state of `random` gives the same body."""

import re
from collections.abc import Callable

import numpy as np

from benchmarks.fuzz.json_mutations import change_lines

#: The maximum size of a mutated body, in bytes. It keeps the registry small and the requests fast.
MOST_BYTES = 2**20

#: Values of length fields and of other binary integers.
EXTREME_INTEGERS = (
    0, 1, 31, 33, 2**7 - 1, 2**7, 2**8 - 1, 2**15 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40,
    2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip

#: Numbers in a text. Not all of them are JSON.
EXTREME_NUMBERS = (
    b"-1", b"0", b"-0", b"0.5", b"1e-999", b"1e999", b"-1e999", b"NaN", b"Infinity", b"255", b"256", b"4294967295",
    b"4294967296", b"9007199254740991", b"9007199254740992", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775809", b"18446744073709551616", b"1" + b"0" * 400, b"0." + b"3" * 400, b"007", b"1_000", b"true",
    b"null", b'"1"', b"[1]",
)  # fmt: skip

#: Pieces of text: values of another type, unbalanced marks, escapes, and bytes that are not UTF-8.
BREAKING_TEXTS = (
    b"null", b"{}", b"[]", b'""', b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b"\0", b"\x1b[2J",
    b"\\u0000", b"\\ud800", b"\\udfff\\ud800", b"\\x", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xae", b"../../../etc/passwd", b"'; DROP TABLE claims; --",
    b"[" * 500, b'{"a":' * 500, b"[]," * 5_000, b'"digests":[],', b"9999-12-31T23:59:60+23:59",
    b"0000-00-00T00:00:00Z", b"sha256:", b"%00",
)  # fmt: skip

Mutation = Callable[[bytearray, bytes, np.random.Generator], None]


def _start(body: bytearray, random: np.random.Generator) -> int:
    """Return a random index in the body. Every second index is a multiple of 4, because binary formats align fields."""
    index = int(random.integers(len(body)))
    return index - index % 4 if random.integers(2) else index


def flip_bits(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Flip one to eight bits."""
    for _number in range(int(random.integers(1, 9))):
        body[int(random.integers(len(body)))] ^= 1 << int(random.integers(8))


def replace_bytes(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Replace a few bytes by random bytes."""
    start, length = _start(body, random), int(random.integers(1, 9))
    body[start : start + length] = random.bytes(length)


def truncate(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Remove the end of the body."""
    del body[int(random.integers(len(body))) :]


def remove_piece(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Remove a piece of the body."""
    start = _start(body, random)
    del body[start : start + int(random.integers(1, 64))]


def repeat_piece(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Repeat a piece of the body: usually a few times, sometimes thousands of times."""
    start = _start(body, random)
    piece = body[start : start + int(random.integers(1, 200))]
    times = int(random.choice([1, 2, 10, 1_000, 20_000], p=[0.5, 0.25, 0.2, 0.04, 0.01]))
    body[start:start] = piece * min(times, MOST_BYTES // max(len(piece), 1))


def change_length_field(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Write an extreme integer over one, two, four or eight bytes."""
    width = int(random.choice([1, 2, 4, 8]))
    start, order = _start(body, random), "little" if random.integers(4) else "big"
    value = EXTREME_INTEGERS[int(random.integers(len(EXTREME_INTEGERS)))] % 2 ** (8 * width)
    body[start : start + width] = value.to_bytes(width, "little" if order == "little" else "big")


def splice(body: bytearray, other: bytes, random: np.random.Generator) -> None:
    """Replace the end of the body by the end of another body, or insert a piece of the other body."""
    start, from_ = _start(body, random), int(random.integers(len(other) + 1))
    if random.integers(2):
        body[start:] = other[from_:]
    else:
        body[start:start] = other[from_ : from_ + int(random.integers(1, 400))]


def change_number(body: bytearray, other: bytes, random: np.random.Generator) -> None:
    """Replace a decimal number in a text by an extreme number. If the body has no number, change a length field."""
    numbers = list(re.finditer(rb"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])", body))
    if not numbers:
        change_length_field(body, other, random)
        return
    number = numbers[int(random.integers(len(numbers)))]
    body[number.start() : number.end()] = EXTREME_NUMBERS[int(random.integers(len(EXTREME_NUMBERS)))]


def change_value(body: bytearray, other: bytes, random: np.random.Generator) -> None:
    """Replace a JSON string (a key or a value) by a breaking text.

    If the body has no string, insert a breaking text.
    """
    texts = list(re.finditer(rb'"[^"]*"', body))
    if not texts:
        insert_text(body, other, random)
        return
    text = texts[int(random.integers(len(texts)))]
    inside = int(random.integers(2))  # without or with its quotes
    piece = BREAKING_TEXTS[int(random.integers(len(BREAKING_TEXTS)))]
    body[text.start() + inside : text.end() - inside] = piece


def insert_text(body: bytearray, _: bytes, random: np.random.Generator) -> None:
    """Insert a breaking text."""
    start = _start(body, random)
    body[start:start] = BREAKING_TEXTS[int(random.integers(len(BREAKING_TEXTS)))]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, replace_bytes, truncate, remove_piece, repeat_piece, change_length_field, splice, change_number,
    change_value, insert_text,
)  # fmt: skip


#: Changes that do not change the length of the body, so that the registry reads a binary body to its end.
_KEEP_LENGTH: tuple[Mutation, ...] = (flip_bits, replace_bytes)


def mutate(original: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Return the body after one to four changes. `other` is a body of any form, for splices.

    In half of the results, JSON stays valid JSON, and other bodies keep their length. The reason: if a body is
    malformed, it is refused before its values are read. One body in twenty is not changed.
    """
    if not random.integers(20):
        return original
    keep_form = bool(random.integers(2))
    if keep_form and original.startswith(b"{"):
        return change_lines(original, random)[:MOST_BYTES]
    body, changes = bytearray(original), _KEEP_LENGTH if keep_form else MUTATIONS
    for _ in range(int(random.integers(1, 5))):
        if not body:
            break
        changes[int(random.integers(len(changes)))](body, other, random)
    return bytes(body[:MOST_BYTES])
