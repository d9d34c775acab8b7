"""Content → digest, by profile.

A digest is the SHA-256 of an item's content; its profile says what exactly was hashed:

- `bytes-1`: the exact bytes. What `sha256sum` says of a file; of a row's text field, its UTF-8 bytes
  (what Spark's `sha2(text, 256)` says), never the line of JSON around it.
- `text-1`: canonical text (`canonical_text`), so that another line ending, a doubled space or a hidden
  character is still the same item.

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

#: Digests of n items, `uint8[n, 32]`.
Digests: TypeAlias = npt.NDArray[np.uint8]

SIZE = 32
PREFIX = "sha256:"

# A C2PA text manifest is hidden in the text as U+FEFF, then one variation selector a byte (C2PA 2.1, "Embedding
# manifests into unstructured text"); both are among the characters that are stripped here.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: ASCII white space, as `str.split` knows it, of which no canonical text holds any; of all other, one of these alone.
_SPACES = b"\t\r\x0b\x0c\x1c\x1d\x1e\x1f"
_ASCII = bytes(range(128))
_CHANGED = re.compile(_INVISIBLE.pattern[:-1] + r"\s]")


def canonical_text(text: str) -> str:
    """The text that the profile `text-1` hashes.

    In this order: zero-width characters, variation selectors and C2PA text wrappers are removed; Unicode NFC;
    CR LF and CR become LF; a run of white space becomes one character, LF if the run holds one, else a space;
    white space at both ends goes.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    lines = [" ".join(line.split()) for line in text.replace("\r", "\n").split("\n")]
    return "\n".join([line for line in lines if line])


def digest_bytes(content: bytes) -> bytes:
    """SHA-256 of exactly these bytes (profile `bytes-1`)."""
    return hashlib.sha256(content).digest()


def digest_text(text: str, profile: Profile = "text-1") -> bytes:
    """The digest of a text under a profile. Lone surrogates are hashed as WTF-8, so no text is refused."""
    return digest_bytes(text_bytes(text, profile))


def text_bytes(text: str, profile: Profile = "text-1") -> bytes:
    """What of a text a profile hashes."""
    raw = text.encode("utf-8", "surrogatepass")
    if profile == "bytes-1" or _is_canonical(text, raw):
        return raw
    return canonical_text(text).encode("utf-8", "surrogatepass")


def _is_canonical(text: str, raw: bytes) -> bool:
    """Whether `text`, whose UTF-8 is `raw`, surely is as `canonical_text` would make it.

    Most texts are, and asking costs a fifth of making one anew. Bytes are scanned where a pattern would walk.
    """
    if raw[:1].isspace() or raw[-1:].isspace() or b"  " in raw or len(raw.translate(None, _SPACES)) < len(raw):
        return False
    if b"\n" in raw and (b" \n" in raw or b"\n " in raw or b"\n\n" in raw):
        return False
    if len(raw) == len(text):
        return True
    rest = raw.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    return not _CHANGED.search(rest) and unicodedata.is_normalized("NFC", text)


def digest_file(path: Path, profile: Profile = "bytes-1") -> bytes:
    """The digest of a file, read in pieces for `bytes-1`, decoded as UTF-8 for `text-1`.

    Raises ValueError naming the file where `text-1` is asked of bytes that are not UTF-8.
    """
    if profile == "bytes-1":
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    try:
        return digest_text(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}); use the profile bytes-1") from None


def digest_rows(rows: npt.NDArray[np.generic]) -> Digests:
    """The digests of an array's rows: the C-order bytes of each `rows[i]`, little-endian. `[n, …] → uint8[n, 32]`."""
    little = np.ascontiguousarray(rows).astype(rows.dtype.newbyteorder("<"), copy=False)
    return stack([digest_bytes(row.tobytes()) for row in little])


def stack(digests: Sequence[bytes]) -> Digests:
    """Digests of 32 bytes each → `uint8[n, 32]`."""
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, SIZE)


def to_bytes(digests: Digests) -> list[bytes]:
    """`uint8[n, 32]` → a list of n digests."""
    raw = np.ascontiguousarray(digests).tobytes()
    return [raw[i : i + SIZE] for i in range(0, len(raw), SIZE)]


def at(digests: Digests, rows: npt.NDArray[np.integer]) -> Digests:
    """Some rows of `uint8[n, 32]`, by their numbers; as words, which is three times as fast as by bytes."""
    words = np.ascontiguousarray(digests).view(np.uint64).reshape(-1, SIZE // 8)
    return words.take(rows, axis=0).view(np.uint8).reshape(-1, SIZE)


def to_text(digest: bytes) -> str:
    """`sha256:<hex>`, the form of a digest in JSON."""
    return PREFIX + digest.hex()


def from_text(text: str) -> bytes:
    """Parse `sha256:<hex>`, or the bare 64 hexadecimal digits. Raises ValueError."""
    digits = text.removeprefix(PREFIX)
    try:
        digest = bytes.fromhex(digits)
    except ValueError:
        digest = b""
    if len(digest) != SIZE or len(digits) != 2 * SIZE:
        raise ValueError(f"{text[:80]!r} is not a digest: sha256: and 64 hexadecimal digits")
    return digest


def from_texts(texts: Iterable[str]) -> Digests:
    """Parse many `sha256:<hex>` at once → `uint8[n, 32]`. Raises ValueError naming the first bad row."""
    listed = list(texts)
    if (alike := _prefixed(listed)) is not None:
        return alike
    joined = "".join([text.removeprefix(PREFIX) for text in listed])
    try:
        digests = np.frombuffer(bytes.fromhex(joined), dtype=np.uint8)
    except ValueError:
        digests = np.empty(0, dtype=np.uint8)
    # A short digest beside a long one would join well: the length of each is looked at too.
    if digests.size != SIZE * len(listed) or any(len(text.removeprefix(PREFIX)) != 64 for text in listed):
        for row, text in enumerate(listed):
            try:
                from_text(text)
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from None
    return digests.reshape(-1, SIZE)


def _prefixed(texts: list[str]) -> Digests | None:
    """Texts of which each has the prefix and 64 digits, which nearly all have: no work an item. None for others."""
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
    # white space between digits would be passed over
    return digests.reshape(-1, SIZE) if digests.size == SIZE * len(texts) else None


def sort_unique(digests: Digests) -> tuple[Digests, npt.NDArray[np.intp]]:
    """Sort by whole digest and keep each once: `uint8[n, 32] → uint8[m, 32]` and the row each came from (the first)."""
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
    """The first eight bytes of each, big-endian, `uint64[n]`: they order digests but for those that share them."""
    return np.ascontiguousarray(digests[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


def places(ordered: Digests, digests: Digests) -> npt.NDArray[np.intp]:
    """The row of each of `digests`, `uint8[m, 32]`, in `ordered`, `uint8[n, 32]`, sorted and holding them all."""
    found = np.searchsorted(first_words(ordered), first_words(digests))
    if (ordered.take(found, axis=0, mode="clip") == digests).all():
        return found
    # some share their first eight bytes with others, which only crafted digests do
    return np.searchsorted(as_strings(ordered), as_strings(digests))


def as_strings(digests: Digests) -> npt.NDArray[np.bytes_]:
    """A view of `uint8[n, 32]` as n comparable byte strings.

    They compare like the digests they hold: the trailing zeros that numpy drops from S32 cannot make two different
    values of 32 bytes equal.
    """
    return np.ascontiguousarray(digests).view("S32").reshape(-1)
