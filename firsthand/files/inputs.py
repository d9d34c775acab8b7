"""Hash the items that a program passes to `Client.register` and `Client.check`.

| argument | the item is |
|---|---|
| `bytes` | these bytes |
| `str` | this text |
| `Path` | the content of this file |
| `Digest(…)` | an item that was hashed before, under the dataset's profile |
| `Digested(uint8[n, 32])` | n items that were hashed before, as one array |
| `ndarray[n, …]` | n items: the bytes of each row (C order, little-endian) |

An argument of type `bytes` is always content, also if it has 32 bytes. Use `Digest` for a digest.
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
from firsthand.files.locations import is_pipe

#: The default number of items per registration.
REGISTER_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of an item that was hashed before. Raises ValueError if it does not have 32 bytes."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != hashing.SIZE:
            raise ValueError(
                f"a digest has {hashing.SIZE} bytes, not {len(self.value)}; use Digest.parse for hexadecimal digits"
            )

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Parse `sha256:<hex>`, or only the 64 hexadecimal digits. Raises ValueError for other texts."""
        return cls(hashing.from_text(text))

    def __str__(self) -> str:
        return hashing.to_text(self.value)


@dataclass(frozen=True, eq=False)
class Digested:
    """The digests of n items that were hashed before, `uint8[n, 32]`. Raises ValueError for another shape or type."""

    digests: Digests

    def __post_init__(self) -> None:
        if self.digests.dtype != np.uint8 or self.digests.shape[1:] != (hashing.SIZE,):
            raise ValueError(f"digests must be uint8[n, 32], not {self.digests.dtype}{list(self.digests.shape)}")


Item: TypeAlias = bytes | str | Path | Digest
Items: TypeAlias = Iterable[Item] | Digested | npt.NDArray[Any]


def in_batches(items: Items, profile: Profile, size: int) -> Iterator[Digests]:
    """Yield the digests of all items, in order, in arrays of `size` digests (the last array may have fewer).

    Raises TypeError if the type of an item is not accepted, and ContentError if an item cannot be hashed under
    `profile`. The messages contain the index of the item, counted from 0.
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
                return hashing.digest_text(item.decode("utf-8", "surrogatepass"), "text-1")
            except UnicodeDecodeError as error:
                raise ContentError(
                    f"byte {error.start} is not UTF-8, but the profile text-1 hashes texts; use the profile bytes-1"
                ) from None
        case Path():
            try:
                return hashing.digest_file(item, profile)
            except (OSError, ValueError) as error:
                raise ContentError(str(error)) from None
        case _:
            raise TypeError(f"an item must be bytes, str, Path or firsthand.Digest, not {type(item).__name__}")


def length(item: Item) -> int:
    """Return the size of an item in bytes. The size of a text is the number of its UTF-8 bytes.

    Raises ContentError if a file cannot be read, and TypeError for a digest.
    """
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
            raise TypeError(
                f"an item of type {type(item).__name__} has no size; pass the sizes of all items as `sizes`"
            )


def both_profiles(item: Item) -> tuple[bytes, bytes]:
    """Return the digests of an item under `bytes-1` and `text-1`, for a look-up under both profiles.

    If the content is not text (an image, bytes that are not UTF-8) or the item is a digest, there is only one digest.
    It is returned twice, which does not change the joined verdict.
    """
    if isinstance(item, Path) and is_pipe(item):
        item = item.read_bytes()  # a pipe cannot be read twice
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
    """Return False for a file whose first bytes are not UTF-8, so that the file is not read a second time."""
    if not isinstance(item, Path):
        return True
    with item.open("rb") as file:
        start = file.read(4096)
    try:
        codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _digest_alike(batch: Sequence[Item], profile: Profile) -> list[bytes]:
    """Return the digests of the items if all have the same type and can always be hashed; otherwise an empty list.

    This is faster than one call of `digest` per item.
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
            "an array of items must have one row per item, but this array has no dimension; pass a list: [item]"
        )
    if array.dtype == np.uint8 and array.shape[1:] == (hashing.SIZE,):
        # If digests were hashed again, the registered items would never match a look-up, without any error message.
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
