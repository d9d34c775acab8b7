"""Human data as pixels: scikit-learn's digits, and any folder of MNIST's own files.

Items are bytes `uint8[n, C, height · width]`, 0 black to 255 white, and each chain has the same. What metrics compare
with, held out or labelled, is of a number that the corpus says, for their time grows with it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rfc8785

from firsthand.core.digests import digest_bytes, to_text
from simulator.data import digits, idx
from simulator.data.corpora import Images, Labelled
from simulator.data.digits import Labels
from simulator.families.base import Items, Points
from simulator.randomness import generator


class _Scans(NamedTuple):
    """Pictures `uint8[…, height, width]` and what is on them."""

    pool: Images
    held_out: Images
    known: Images
    labels: Labels
    """which class each of `known` is"""
    digest: bytes
    """of all that was read"""


class _Pictures(ABC):
    """What finite corpora of pictures share."""

    recrawl: bool
    truth: None = None

    @property
    @abstractmethod
    def _scans(self) -> _Scans:
        """The pictures, read once."""

    @property
    @abstractmethod
    def _settings(self) -> dict[str, int]:
        """What the split depends on besides what was read."""

    def pool(self, chains: int, seed: int) -> Items:
        """The pictures that were not kept aside, `uint8[N, C, pixels]`: the same for each chain and seed."""
        pixels = _flat(self._scans.pool)
        return np.broadcast_to(pixels[:, np.newaxis], (len(pixels), chains, pixels.shape[1]))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n pictures of the pool again, `uint8[n, C, pixels]`. Raises ValueError without `recrawl`."""
        if not self.recrawl:
            raise ValueError(
                f"the pictures are {len(self._scans.pool):,} and no more: use a regime without fresh human data, or "
                "recrawl=true"
            )
        return digits.found_again(self.pool(chains, seed), n, seed, round)

    @property
    def held_out(self) -> Points:
        """The pictures kept aside, `[aside, pixels]`."""
        return _flat(self._scans.held_out).astype(np.float64)

    @property
    def labelled(self) -> Labelled:
        """Pictures of the pool with their classes."""
        return Labelled(_flat(self._scans.known).astype(np.float64), self._scans.labels)

    def digest(self) -> str:
        """`sha256:<hex>` of the pixels and labels, wherever they lie, packed or not, and of this split's settings."""
        settings = rfc8785.dumps({type(self).__name__: self._settings})
        return to_text(digest_bytes(settings + self._scans.digest))

    def images(self, items: Items) -> Images:
        """The first chain's values of `items[n, C, pixels]` as pictures, `uint8[n, height, width]`."""
        return items[:, 0].reshape(-1, *self._scans.pool.shape[1:])


@dataclass(frozen=True)
class Pixels(_Pictures):
    """The 1,797 handwritten digits that scikit-learn carries, 8 × 8 pixels of 0 to 255: `Digits` as one sees them.

    The same digits are kept aside. scikit-learn's 0 to 16 is the count of black points in 4 × 4.
    """

    aside: int = 400
    """digits kept aside to measure with; the other 1,797 − aside are the pool"""
    recrawl: bool = False
    """whether new human items are digits of the pool again, as a crawl finds the same work again"""

    def __post_init__(self) -> None:
        if not 0 < self.aside < 1797:
            raise ValueError(f"{self} is impossible: digits kept aside are 1 to 1,796")

    @property
    def _scans(self) -> _Scans:
        return _digits(self.aside)

    @property
    def _settings(self) -> dict[str, int]:
        return {"aside": self.aside}


@dataclass(frozen=True)
class Idx(_Pictures):
    """A folder of MNIST's own files, gz or not: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-… likewise.

    The pool is what is for training; what is kept aside is of the test part. Fashion-MNIST and KMNIST come so too.
    """

    folder: str
    """where the four files lie, from where the run is played"""
    aside: int = 2000
    """pictures of the test part that are measured with"""
    known: int = 5000
    """pictures of the training part whose labels say of what class a generated one is"""
    recrawl: bool = False
    """whether new human items are pictures of the pool again, as a crawl finds the same work again"""

    def __post_init__(self) -> None:
        if self.aside < 1 or self.known < 1:
            raise ValueError(f"{self} is impossible: aside and known are 1 or more")

    @property
    def _scans(self) -> _Scans:
        return _mnist(self.folder, self.aside, self.known)

    @property
    def _settings(self) -> dict[str, int]:
        return {"aside": self.aside, "known": self.known}


@cache
def _digits(aside: int) -> _Scans:
    pixels, labels = digits.digits()
    kept, pool = digits.split(aside)
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    digest = digest_bytes(pixels.astype("u1").tobytes() + labels.astype("u1").tobytes())
    return _Scans(images[pool], images[kept], images[pool], labels[pool], digest)


@cache
def _mnist(folder: str, aside: int, known: int) -> _Scans:
    (images, labels), (others, other_labels) = (_part(Path(folder).expanduser(), part) for part in ("train", "t10k"))
    if images.shape[1:] != others.shape[1:]:
        raise ValueError(f"the pictures in {folder} are {images.shape[1:]} to train and {others.shape[1:]} to test")
    first, kept = _some(images, known, folder), _some(others, aside, folder)
    digest = b"".join(
        digest_bytes(f"{part.shape}\n".encode() + part.tobytes()) for part in (images, labels, others, other_labels)
    )
    return _Scans(images, others[kept], images[first], labels[first].astype(np.int64), digest)


def _part(folder: Path, part: str) -> tuple[idx.Bytes, idx.Bytes]:
    """Images `uint8[n, h, w]` and labels `uint8[n]` of the training or the test part."""
    images = idx.load(folder, f"{part}-images-idx3-ubyte", 3)
    labels = idx.load(folder, f"{part}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise ValueError(f"{folder} has {len(images)} images and {len(labels)} labels of {part}: not of one data set")
    return images, labels


def _some(images: Images, wanted: int, folder: str) -> digits.Rows:
    """Rows of so many pictures, always the same ones, ascending."""
    if wanted > len(images):
        raise ValueError(
            f"of the {len(images)} pictures in {folder} {wanted} cannot be set apart: lower aside or known"
        )
    return np.sort(generator(0, "images kept aside").permutation(len(images))[:wanted])


def _flat(images: Images) -> Items:
    """`[n, height, width] → [n, height · width]`."""
    return images.reshape(len(images), -1)
