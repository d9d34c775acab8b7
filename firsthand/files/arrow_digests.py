"""Hash columns of Arrow under both digest profiles, for look-ups.

A column holds texts (`string`, `large_string`, `string_view`) or bytes (`binary` and its variants), plain, chunked or
dictionary-encoded. Most texts are canonical: their digests under `text-1` and `bytes-1` are equal. One regular
expression finds these texts in all rows, so that each of them is hashed only once.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firsthand.core.digests import Digests, digest_text, stack

#: Ranges of characters that `canonical_text` never changes, whatever characters are before and after them. These
#: characters are visible, have no combining class, and are never composed with the character before them. Other
#: characters can have the same properties: texts that contain others are converted to canonical text one by one. A test
#: checks every character of these ranges.
PLAIN = [
    (0x21, 0x7E), (0xA1, 0xAC), (0xAE, 0x2FF), (0x388, 0x3FF), (0x400, 0x481), (0x48A, 0x52F), (0x2010, 0x2027),
    (0x2030, 0x205E), (0x20A0, 0x20BF), (0x3001, 0x3029), (0x3041, 0x3096), (0x309B, 0x30FF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xFF01, 0xFFEE), (0x1F300, 0x1FAFF),
]  # fmt: skip
_PLAIN = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in PLAIN)
#: Matches a text that may not be canonical: white space at an end, two white spaces in a row, or a character that is
#: not in `PLAIN` and is neither a space nor LF.
_NOT_SURELY_CANONICAL = rf"\A[ \n]|[ \n][ \n]|[ \n]\z|[^ \n{_PLAIN}]"

_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


@dataclass(frozen=True)
class HashedColumn:
    """The digests of the items of a column under `bytes-1` (`exact`) and `text-1` (`text`): `uint8[m, 32]` each.

    m is the number of rows that are not null. If an item is not text (its bytes are not UTF-8), both digests are its
    digest under `bytes-1`.
    """

    exact: Digests
    text: Digests
    #: The indices of the rows that are not null, `intp[m]`.
    rows: npt.NDArray[np.intp]


def holds_items(kind: Any) -> bool:
    """Return whether a column of this type can be hashed."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in (*_TEXT, *_BYTES, pa.types.is_null))


def not_utf8(column: Any) -> list[int]:
    """Return the indices of the rows whose text is not UTF-8. Arrow does not check this when it reads a file.

    The list is empty for a column of bytes.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(is_kind(kind) for is_kind in _TEXT):
        return []
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        plain = column.cast(kind) if kind is not column.type else column
        items = enumerate(plain.cast(pa.large_binary()).to_pylist())
        return [row for row, item in items if item is not None and not _is_utf8(item)]
    return []


def _is_utf8(item: bytes) -> bool:
    try:
        item.decode()
    except UnicodeDecodeError:
        return False
    return True


def hash_column(column: Any) -> HashedColumn:
    """Return the digests of the items in an Array or a ChunkedArray.

    Raises TypeError if the column holds neither texts nor bytes.
    """
    if not holds_items(column.type):
        raise TypeError(
            f"a column must hold texts or bytes, but this column holds {column.type}; choose another column"
        )
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # too large for one array of its type, which has 32-bit offsets
        column = pa.concat_arrays([_large(chunk) for chunk in column.chunks])
    if pa.types.is_null(column.type):  # the type that Arrow gives to a column in which all rows are null
        return HashedColumn(stack([]), stack([]), np.empty(0, dtype=np.intp))
    if pa.types.is_dictionary(column.type):
        return _of_dictionary(column)
    rows = _present(column)
    exact, text = _both(_large(column).drop_null())
    return HashedColumn(exact, text, rows)


def _of_dictionary(column: Any) -> HashedColumn:
    """Return the digests of a dictionary-encoded column. Each distinct value is hashed once."""
    values = hash_column(column.dictionary)
    index_of = np.full(len(column.dictionary), -1, dtype=np.intp)
    index_of[values.rows] = np.arange(len(values.rows))
    rows = _present(column.indices)
    indices = index_of[column.indices.drop_null().to_numpy(zero_copy_only=False)]
    kept = indices >= 0  # the dictionary itself can hold a null
    return HashedColumn(values.exact[indices[kept]], values.text[indices[kept]], rows[kept])


def _present(column: Any) -> npt.NDArray[np.intp]:
    if not column.null_count:
        return np.arange(len(column))
    return np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))


def _large(column: Any) -> Any:
    """Return a copy of a column as an array with 64-bit offsets and without a dictionary."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return column.cast(pa.large_string() if any(is_kind(kind) for is_kind in _TEXT) else pa.large_binary())


def _both(column: Any) -> tuple[Digests, Digests]:
    """Return the digests of a column under `bytes-1` and `text-1`. The column has 64-bit offsets and no nulls."""
    exact = _exact(column)
    rows = _not_surely_canonical(column)
    if not len(rows):
        return exact, exact
    canonical = exact.copy()
    for row, item in zip(rows.tolist(), column.take(pa.array(rows)).cast(pa.large_binary()).to_pylist(), strict=True):
        canonical[row] = np.frombuffer(_canonical(item) or exact[row], dtype=np.uint8)
    return exact, canonical


def _not_surely_canonical(column: Any) -> npt.NDArray[np.intp]:
    """Return the indices of the rows whose `text-1` digest can differ from their `bytes-1` digest."""
    try:
        texts = column.cast(pa.large_string())
    except pa.ArrowInvalid:  # bytes, and not all of them UTF-8
        return np.arange(len(column))
    return np.flatnonzero(pc.match_substring_regex(texts, _NOT_SURELY_CANONICAL).to_numpy(zero_copy_only=False))


def _canonical(item: bytes) -> bytes | None:
    """Return the digest of an item under `text-1`, or None if the item is not text.

    Lone surrogates count as text, as in JSON.
    """
    try:
        return digest_text(item.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return None


def _exact(column: Any) -> Digests:
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64, count=len(column) + 1, offset=8 * column.offset).tolist()
    content = memoryview(data if data is not None else b"")
    ends = iter(bounds)
    next(ends)
    return stack([sha256(content[start:end]).digest() for start, end in zip(bounds, ends, strict=False)])
