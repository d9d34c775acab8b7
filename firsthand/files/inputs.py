"""Hash the items that a program passes to `Client.register` and `Client.check`.

| argument | the item is |
|---|---|
| `bytes` | these bytes |
| `str` | this text |
| `Path` | the content of this file |
| `Digest(…)` | an item that was hashed before, under the dataset's profile |
| `Digested(uint8[n, 32])` | n items that were hashed before, as one array |
| `ndarray[n, …]` | n rows, the bytes of each (C order, little-endian) |

Plain `bytes` are always content, also if there are 32 of them. Use `Digest` for a digest.
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

#: The default number of items per registration.
REGISTER_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of an item that was hashed before. Raises ValueError unless it has 32 bytes."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != hashing.SIZE:
            raise ValueError(
                f"a digest has {hashing.SIZE} bytes, not {len(self.value)}; use Digest.parse for hexadecimal digits"
            )

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Parse `sha256:<hex>`, or the 64 hexadecimal digits alone. Raises ValueError."""
        return cls(hashing.from_text(text))

    def __str__(self) -> str:
        return hashing.to_text(self.value)


@dataclass(frozen=True, eq=False)
class Digested:
    """The digests of n items that were hashed before, `uint8[n, 32]`. Raises ValueError for other shapes or types."""

    digests: Digests

    def __post_init__(self) -> None:
        if self.digests.dtype != np.uint8 or self.digests.shape[1:] != (hashing.SIZE,):
            raise ValueError(f"digests must be uint8[n, 32], not {self.digests.dtype}{list(self.digests.shape)}")


Item: TypeAlias = bytes | str | Path | Digest
Items: TypeAlias = Iterable[Item] | Digested | npt.NDArray[Any]


def in_batches(items: Items, profile: Profile, size: int) -> Iterator[Digests]:
    """Yield the digests of all items, in order, `size` at a time.

    Raises TypeError if items have a type that is not accepted, and ContentError if an item cannot be hashed under
    `profile`. The messages contain the index of the item, from 0.
    """
    if isinstance(items, Digested):
        yield from _slices(items.digests, size)
    elif isinstance(items, np.ndarray):
        yield from map(hashing.digest_rows, _slices(_rows(items, profile), size))
    elif isinstance(items, bytes | str | Path | Digest):
        raise TypeError(f"items is a single {type(items).__name__}; pass a list: [item]")
    else:
        remaining, start = iter(items), 0
        while batch := list(islice(remaining, size)):
            yield hashing.stack(_digest_alike(batch, profile) or _digest_each(start, batch, profile))
            start += len(batch)


def digest(item: Item, profile: Profile) -> bytes:
    """Return the digest of an item under a profile. Raises ContentError or TypeError."""
    match item:
        case Digest():
            return item.value
        case str():
            return hashing.digest_text(item, profile)
        case bytes() if profile == "bytes-1":
            return hashing.digest_bytes(item)
        case bytes():
            try:
                return hashing.digest_text(item.decode("utf-8"), "text-1")
            except UnicodeDecodeError as error:
                raise ContentError(
                    f"byte {error.start} is not UTF-8, and the profile text-1 hashes texts; use the profile bytes-1"
                ) from None
        case Path():
            try:
                return hashing.digest_file(item, profile)
            except (OSError, ValueError) as error:
                raise ContentError(str(error)) from None
        case _:
            raise TypeError(f"an item must be bytes, str, Path or firsthand.Digest, not {type(item).__name__}")


def length(item: Item) -> int:
    """Return the size of an item in bytes (for a text: of its UTF-8 bytes). Raises ContentError or TypeError."""
    match item:
        case bytes():
            return len(item)
        case str():
            return len(item.encode("utf-8", "surrogatepass"))
        case Path():
            try:
                return item.stat().st_size
            except OSError as error:
                raise ContentError(str(error)) from None
        case _:
            raise TypeError(f"the size of an item is not known from a {type(item).__name__}; pass `sizes`")


def both_profiles(item: Item) -> tuple[bytes, bytes]:
    """Return the digests of an item under `bytes-1` and `text-1`, for a look-up under both.

    Content that is not text (an image, bytes that are not UTF-8, a digest) has only the first digest, which is then
    returned twice. This does not change the joined verdict.
    """
    exact = digest(item, "bytes-1")
    try:
        return exact, digest(item, "text-1") if _may_be_text(item) else exact
    except ContentError:
        return exact, exact


def hash_both(items: Iterable[Item]) -> tuple[Digests, Digests]:
    """Return the digests of n items under `bytes-1` and `text-1`, `uint8[n, 32]` each (see `both_profiles`)."""
    hashed = [both_profiles(item) for item in items]
    return hashing.stack([exact for exact, _ in hashed]), hashing.stack([text for _, text in hashed])


def _may_be_text(item: Item) -> bool:
    """Return False for a file whose first bytes are not UTF-8, so that it is not read a second time."""
    if not isinstance(item, Path):
        return True
    with item.open("rb") as file:
        start = file.read(4096)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _digest_alike(batch: Sequence[Item], profile: Profile) -> list[bytes]:
    """Return the digests of items that have the same type and can always be hashed; otherwise an empty list.

    This is faster than calling `digest` for each item.
    """
    kinds = set(map(type, batch))
    if kinds == {str}:
        return [hashing.digest_text(item, profile) for item in batch]  # type: ignore[arg-type]
    if kinds == {bytes} and profile == "bytes-1":
        return [hashing.digest_bytes(item) for item in batch]  # type: ignore[arg-type]
    if kinds == {Digest}:
        return [item.value for item in batch]  # type: ignore[union-attr]
    return []


def _digest_each(start: int, batch: Sequence[Item], profile: Profile) -> list[bytes]:
    digests = []
    for number, item in enumerate(batch, start):
        try:
            digests.append(digest(item, profile))
        except ContentError as error:
            raise ContentError(f"item {number}: {error}") from None
        except TypeError as error:
            raise TypeError(f"item {number}: {error}") from None
    return digests


def _rows(array: npt.NDArray[Any], profile: Profile) -> npt.NDArray[Any]:
    if array.ndim == 0:
        raise TypeError(
            "an array of items must have one row per item, and this array has no dimension; pass a list: [item]"
        )
    if array.dtype == np.uint8 and array.shape[1:] == (hashing.SIZE,):
        # If digests were hashed again, the registered items would never match a look-up, and no error would show this.
        raise TypeError(
            "uint8[n, 32] looks like digests: pass Digested(array). For contents of 32 bytes, pass a list of bytes"
        )
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects has no bytes to hash; pass a list of bytes or str")
    if profile != "bytes-1":
        raise TypeError(
            f"rows of an array are hashed as bytes, but the profile of this dataset is {profile}; pass a list of str"
        )
    return array


def _slices(array: npt.NDArray[Any], size: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(array), size):
        yield array[start : start + size]
