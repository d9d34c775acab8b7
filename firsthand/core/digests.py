"""Digests of content, by digest profile.

A digest is the SHA-256 of an item's content. Its profile says what exactly is hashed:

- `bytes-1`: the exact bytes. For a file this is the result of `sha256sum`; for a text field of a row, its UTF-8 bytes
  (the result of Spark's `sha2(text, 256)`), not the line of JSON around it.
- `text-1`: canonical text (`canonical_text`). Line endings, repeated spaces and hidden characters do not change the
  digest.

Arrays of digests are `uint8[n, 32]` everywhere.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Profile = Literal["bytes-1", "text-1"]
PROFILES: tuple[Profile, ...] = ("bytes-1", "text-1")

#: The digests of n items, `uint8[n, 32]`.
Digests: TypeAlias = npt.NDArray[np.uint8]

SIZE = 32
PREFIX = "sha256:"

# A C2PA text manifest is hidden in a text as U+FEFF, then one variation selector per byte (C2PA 2.1, "Embedding
# manifests into unstructured text"). Both are among the characters that are removed here.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: The ASCII white space that a canonical text cannot contain: all except space and LF.
_SPACES = b"\t\r\x0b\x0c\x1c\x1d\x1e\x1f"
_ASCII = bytes(range(128))
_CHANGED = re.compile(_INVISIBLE.pattern[:-1] + r"\s]")


def canonical_text(text: str) -> str:
    """Return the text that the profile `text-1` hashes.

    The steps, in this order: remove zero-width characters, variation selectors and C2PA text wrappers; convert to
    Unicode NFC; convert CR LF and CR to LF; replace each run of white space by one LF if it contains LF, otherwise by
    one space; remove white space at both ends.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    lines = [" ".join(line.split()) for line in text.replace("\r", "\n").split("\n")]
    return "\n".join([line for line in lines if line])


def digest_bytes(content: bytes) -> bytes:
    """Return the SHA-256 of exactly these bytes (profile `bytes-1`)."""
    return hashlib.sha256(content).digest()


def digest_text(text: str, profile: Profile = "text-1") -> bytes:
    """Return the digest of a text under a profile. Lone surrogates are encoded as WTF-8, so every text has a digest."""
    return digest_bytes(text_bytes(text, profile))


def text_bytes(text: str, profile: Profile = "text-1") -> bytes:
    """Return the bytes that a profile hashes for this text."""
    raw = text.encode("utf-8", "surrogatepass")
    if profile == "bytes-1" or _is_canonical(text, raw):
        return raw
    return canonical_text(text).encode("utf-8", "surrogatepass")


def _is_canonical(text: str, raw: bytes) -> bool:
    """Return True if `text` is certainly canonical. `raw` is its UTF-8 encoding.

    This is true for most texts, and the check takes a fifth of the time of `canonical_text`.
    """
    if raw[:1].isspace() or raw[-1:].isspace() or b"  " in raw or len(raw.translate(None, _SPACES)) < len(raw):
        return False
    if b"\n" in raw and (b" \n" in raw or b"\n " in raw or b"\n\n" in raw):
        return False
    if len(raw) == len(text):
        return True
    not_ascii = raw.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    return not _CHANGED.search(not_ascii) and unicodedata.is_normalized("NFC", text)


def digest_file(path: Path, profile: Profile = "bytes-1") -> bytes:
    """Return the digest of a file. For `bytes-1` the file is read in pieces, for `text-1` it is decoded as UTF-8.

    Lone surrogates are text, as in `digest_text`. Raises ValueError, with the name of the file, if the profile is
    `text-1` and the file is not UTF-8.
    """
    if profile == "bytes-1":
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    try:
        return digest_text(path.read_bytes().decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 (at byte {error.start}); use a dataset with the profile bytes-1"
        ) from None


def digest_rows(rows: npt.NDArray[np.generic]) -> Digests:
    """Return the SHA-256 of the bytes of each row (C order, little-endian): `[n, …] → uint8[n, 32]`."""
    little = np.ascontiguousarray(rows).astype(rows.dtype.newbyteorder("<"), copy=False)
    return stack([digest_bytes(row.tobytes()) for row in little])


def stack(digests: Sequence[bytes]) -> Digests:
    """Return n digests of 32 bytes each as `uint8[n, 32]`."""
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, SIZE)


def to_bytes(digests: Digests) -> list[bytes]:
    """Return `uint8[n, 32]` as a list of n digests."""
    raw = np.ascontiguousarray(digests).tobytes()
    return [raw[i : i + SIZE] for i in range(0, len(raw), SIZE)]


def at(digests: Digests, rows: npt.NDArray[np.integer]) -> Digests:
    """Return the digests at the indices `rows`. They are copied as 8-byte words, in a third of the time of bytes."""
    words = np.ascontiguousarray(digests).view(np.uint64).reshape(-1, SIZE // 8)
    return words.take(rows, axis=0).view(np.uint8).reshape(-1, SIZE)


def to_text(digest: bytes) -> str:
    """Return a digest as `sha256:<hex>`, its form in JSON."""
    return PREFIX + digest.hex()


def from_text(text: str) -> bytes:
    """Parse `sha256:<hex>`, or only the 64 hexadecimal digits. Raises ValueError for other texts."""
    digits = text.removeprefix(PREFIX)
    try:
        digest = bytes.fromhex(digits)
    except ValueError:
        digest = b""
    if len(digest) != SIZE or len(digits) != 2 * SIZE:
        raise ValueError(f"{text[:80]!r} is not a digest: use 'sha256:' and 64 hexadecimal digits")
    return digest


def from_texts(texts: Iterable[str]) -> Digests:
    """Parse n texts `sha256:<hex>` as `uint8[n, 32]`. Raises ValueError, with the index of the first wrong text."""
    listed = list(texts)
    if (alike := _prefixed(listed)) is not None:
        return alike
    joined = "".join([text.removeprefix(PREFIX) for text in listed])
    try:
        digests = np.frombuffer(bytes.fromhex(joined), dtype=np.uint8)
    except ValueError:
        digests = np.empty(0, dtype=np.uint8)
    # If one digest is too short and another is too long, the total length can still be right. So each length is checked
    # too.
    if digests.size != SIZE * len(listed) or any(len(text.removeprefix(PREFIX)) != 64 for text in listed):
        for row, text in enumerate(listed):
            try:
                from_text(text)
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from None
    return digests.reshape(-1, SIZE)


def _prefixed(texts: list[str]) -> Digests | None:
    """Parse all texts together, which is faster. Return None if a text does not have the prefix and 64 digits."""
    joined, width = "".join(texts), len(PREFIX) + 2 * SIZE
    if not joined.isascii() or set(map(len, texts)) != {width}:
        return None
    rows = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, width)
    if (rows[:, : len(PREFIX)] != np.frombuffer(PREFIX.encode(), dtype=np.uint8)).any():
        return None
    try:
        digests = np.frombuffer(bytes.fromhex(rows[:, len(PREFIX) :].tobytes().decode()), dtype=np.uint8)
    except ValueError:
        return None
    # `fromhex` skips white space between digits, so a digest can be too short
    return digests.reshape(-1, SIZE) if digests.size == SIZE * len(texts) else None


def sort_unique(digests: Digests) -> tuple[Digests, npt.NDArray[np.intp]]:
    """Return the sorted digests without duplicates, `uint8[m, 32]`, and their first indices in `digests`, `intp[m]`."""
    if len(digests) < 2:
        return digests, np.arange(len(digests))
    words = np.ascontiguousarray(digests).view(">u8").astype(np.uint64)
    order = np.argsort(words[:, 0], kind="stable")
    ordered = words[order]
    if (ordered[1:, 0] == ordered[:-1, 0]).any():  # duplicates, or digests crafted to share their first word
        order = np.lexsort(words.T[::-1])
        ordered = words[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    rows = order[first]
    return digests[rows], rows


def first_words(digests: Digests) -> npt.NDArray[np.uint64]:
    """Return the first eight bytes of each digest, big-endian, `uint64[n]`. They have the order of the digests."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


def positions_of(ordered: Digests, digests: Digests) -> npt.NDArray[np.intp]:
    """Return the index in `ordered` of each digest: `uint8[m, 32] → intp[m]`.

    `ordered`, `uint8[n, 32]`, must be sorted, and must contain all of `digests`.
    """
    positions = np.searchsorted(first_words(ordered), first_words(digests))
    if (ordered.take(positions, axis=0, mode="clip") == digests).all():
        return positions
    # Some digests share their first eight bytes, which happens only with crafted digests.
    return np.searchsorted(as_strings(ordered), as_strings(digests))


def as_strings(digests: Digests) -> npt.NDArray[np.bytes_]:
    """Return a view of `uint8[n, 32]` as n byte strings, which compare like the digests.

    numpy ignores trailing zeros of S32. This cannot make two different values of 32 bytes equal, because the length is
    fixed.
    """
    return np.ascontiguousarray(digests).view("S32").reshape(-1)
