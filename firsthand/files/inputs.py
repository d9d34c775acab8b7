"""Items as a program holds them → digests, in batches.

What `Client.register` takes, and what each counts as:

| given | the item is |
|---|---|
| `bytes` | these bytes |
| `str` | this text |
| `Path` | this file's content |
| `Digest(…)` | something hashed before, under the dataset's profile |
| `Digested(uint8[n, 32])` | n of them, as one array |
| `ndarray[n, …]` | n rows, the bytes of each (C order, little-endian) |

Bare `bytes` are always content, also when there are 32 of them: a digest says that it is one.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.core import digests as hashing
from firsthand.core.digests import Digests, Profile
from firsthand.errors import ContentError


@dataclass(frozen=True, slots=True)
class Digest:
    """One item that was hashed before: its 32 bytes. Raises ValueError for any other number."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != hashing.SIZE:
            raise ValueError(f"a digest has {hashing.SIZE} bytes, and this has {len(self.value)}")

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """From `sha256:<hex>`, or the hexadecimal digits alone."""
        return cls(hashing.from_text(text))

    def __str__(self) -> str:
        return hashing.to_text(self.value)


@dataclass(frozen=True, eq=False)
class Digested:
    """Many items that were hashed before: `uint8[n, 32]`. Raises ValueError for another shape or type."""

    digests: Digests

    def __post_init__(self) -> None:
        if self.digests.dtype != np.uint8 or self.digests.shape[1:] != (hashing.SIZE,):
            raise ValueError(f"digests are uint8[n, 32], and this is {self.digests.dtype}{list(self.digests.shape)}")


Item: TypeAlias = bytes | str | Path | Digest
Items: TypeAlias = Iterable[Item] | Digested | npt.NDArray[Any]


def in_batches(items: Items, profile: Profile, size: int) -> Iterator[Digests]:
    """The digests of all items, in order, `size` at a time.

    Raises TypeError where it is not plain what the items are, ContentError (which names the item by its number,
    from 0) where one cannot be hashed under `profile`.
    """
    if isinstance(items, Digested):
        yield from _slices(items.digests, size)
    elif isinstance(items, np.ndarray):
        yield from map(hashing.digest_rows, _slices(_rows(items, profile), size))
    elif isinstance(items, bytes | str | Path | Digest):
        raise TypeError(f"items is one {type(items).__name__}; put it into a list: [item]")
    else:
        yield from _from_iterable(items, profile, size)


def digest(item: Item, profile: Profile) -> bytes:
    """The digest of one item under a profile. Raises ContentError or TypeError."""
    match item:
        case Digest():
            return item.value
        case str():
            return hashing.digest_text(item, profile)
        case bytes() if profile == "bytes-1":
            return hashing.digest_bytes(item)
        case bytes():
            return _digest_utf8(item)
        case Path():
            return _digest_file(item, profile)
        case _:
            raise TypeError(f"an item is bytes, str, Path or firsthand.Digest, not {type(item).__name__}")


def length(item: Item) -> int:
    """The bytes of an item, of a text those of its UTF-8. Raises ContentError or TypeError."""
    match item:
        case bytes():
            return len(item)
        case str():
            return len(item.encode("utf-8", "surrogatepass"))
        case Path():
            return _file_size(item)
        case _:
            raise TypeError(f"{type(item).__name__} does not tell how large an item is; give the sizes")


def both_profiles(item: Item) -> tuple[bytes, bytes]:
    """The digests of an item under `bytes-1` and `text-1`, to ask under both.

    What is no text (an image, bytes that are not UTF-8, a digest) has the first alone, and gives it twice: asking
    twice and joining changes nothing.
    """
    exact = digest(item, "bytes-1")
    try:
        return exact, digest(item, "text-1") if _may_be_text(item) else exact
    except ContentError:
        return exact, exact


def hash_both(items: Iterable[Item]) -> tuple[Digests, Digests]:
    """The digests of n items under `bytes-1` and `text-1`, `uint8[n, 32]` each (`both_profiles`)."""
    hashed = [both_profiles(item) for item in items]
    return hashing.stack([exact for exact, _ in hashed]), hashing.stack([text for _, text in hashed])


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ContentError(str(error)) from None


def _may_be_text(item: Item) -> bool:
    """False where the first bytes of a file say that the rest need not be read as text."""
    if not isinstance(item, Path):
        return True
    with item.open("rb") as file:
        start = file.read(4096)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _from_iterable(items: Iterable[Item], profile: Profile, size: int) -> Iterator[Digests]:
    start, rest = 0, iter(items)
    while batch := list(islice(rest, size)):
        yield hashing.stack(_digest_alike(batch, profile) or _digest_each(start, batch, profile))
        start += len(batch)


def _digest_alike(batch: Sequence[Item], profile: Profile) -> list[bytes]:
    """The digests of items that are of one type and cannot be refused, without a look at each; else none."""
    kinds = set(map(type, batch))
    if kinds == {str}:
        return [hashing.digest_text(item, profile) for item in batch]  # type: ignore[arg-type]
    if kinds == {bytes} and profile == "bytes-1":
        return [hashing.digest_bytes(item) for item in batch]  # type: ignore[arg-type]
    if kinds == {Digest}:
        return [item.value for item in batch]  # type: ignore[union-attr]
    return []


def _digest_each(start: int, batch: Sequence[Item], profile: Profile) -> list[bytes]:
    return [_digest_numbered(number, item, profile) for number, item in enumerate(batch, start)]


def _digest_numbered(number: int, item: Item, profile: Profile) -> bytes:
    try:
        return digest(item, profile)
    except ContentError as error:
        raise ContentError(f"item {number}: {error}") from None
    except TypeError as error:
        raise TypeError(f"item {number}: {error}") from None


def _digest_utf8(content: bytes) -> bytes:
    try:
        return hashing.digest_text(content.decode("utf-8"), "text-1")
    except UnicodeDecodeError as error:
        raise ContentError(f"not UTF-8 text (byte {error.start}), which the profile text-1 hashes") from None


def _digest_file(path: Path, profile: Profile) -> bytes:
    try:
        return hashing.digest_file(path, profile)
    except (OSError, ValueError) as error:
        raise ContentError(str(error)) from None


def _rows(array: npt.NDArray[Any], profile: Profile) -> npt.NDArray[Any]:
    if array.ndim == 0:
        raise TypeError("an array of items has a row for each, and this one has no dimension")
    if array.dtype == np.uint8 and array.shape[1:] == (hashing.SIZE,):
        # Hashing digests again would register items that nobody will ever look up, without an error.
        raise TypeError(
            "uint8[n, 32] looks like digests: say Digested(array); for contents of 32 bytes, give a list of bytes"
        )
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects has no bytes of its own; give a list of bytes or str")
    if profile != "bytes-1":
        raise TypeError(f"rows of an array are bytes, and this dataset's profile is {profile}")
    return array


def _slices(array: npt.NDArray[Any], size: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(array), size):
        yield array[start : start + size]
