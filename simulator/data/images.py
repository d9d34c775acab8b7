"""Human data as pixels: the digits of scikit-learn, and folders with files in the format of MNIST.

Items are bytes `uint8[n, C, height · width]`, from 0 (black) to 255 (white). They are the same for each of C chains.
The numbers of held-out and of labelled pictures are settings, because metrics need more time for more pictures.
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
from simulator.ranges import check_between, check_least


class _Scans(NamedTuple):
    """Pictures `uint8[…, height, width]`: the pool, the held-out ones, and those of the pool with a known class."""

    pool: Images
    held_out: Images
    known: Images
    labels: Labels
    """the class of each picture in `known`"""
    digest: bytes
    """digest of all files"""


class _Pictures(ABC):
    """The common part of corpora of pictures."""

    recrawl: bool
    truth: None = None

    @property
    @abstractmethod
    def _scans(self) -> _Scans:
        """The pictures. They are read once per process."""

    @property
    @abstractmethod
    def _settings(self) -> dict[str, int]:
        """The settings that the split depends on."""

    def pool(self, chains: int, seed: int) -> Items:
        """Return all pictures that are not held out, `uint8[N, C, pixels]`; the same for each chain and seed."""
        pixels = _flat(self._scans.pool)
        return np.broadcast_to(pixels[:, np.newaxis], (len(pixels), chains, pixels.shape[1]))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n pictures of the pool again as new human items, `uint8[n, C, pixels]`.

        Raises ValueError if `recrawl` is false.
        """
        if not self.recrawl:
            raise ValueError(
                f"this round needs new human items, but there are only {len(self._scans.pool):,} pictures: set "
                "recrawl=true to use the same pictures again, or use a regime without new human data"
            )
        return digits.crawl_again(self.pool(chains, seed), n, seed, round)

    @property
    def held_out(self) -> Points:
        """The held-out pictures, `float64[aside, pixels]`."""
        return _flat(self._scans.held_out).astype(np.float64)

    @property
    def labelled(self) -> Labelled:
        """Pictures of the pool whose class is known, and the class of each."""
        return Labelled(_flat(self._scans.known).astype(np.float64), self._scans.labels)

    def digest(self) -> str:
        """Return `sha256:<hex>` of the pixels, of the labels and of the settings that select held-out pictures.

        The path and the compression of files do not change it.
        """
        settings = rfc8785.dumps({type(self).__name__: self._settings})
        return to_text(digest_bytes(settings + self._scans.digest))

    def images(self, items: Items) -> Images:
        """Return the items of the first chain, from `items[n, C, pixels]`, as pictures `uint8[n, height, width]`."""
        return items[:, 0].reshape(-1, *self._scans.pool.shape[1:])


@dataclass(frozen=True)
class Pixels(_Pictures):
    """the 1,797 handwritten digits of scikit-learn, as pictures of 8 × 8 pixels from 0 to 255

    The held-out digits are the same as those of the data set `digits`. The original values, 0 to 16, are the numbers of
    black points in blocks of 4 × 4 points.
    """

    aside: int = 400
    """number of digits held out for metrics; the other 1,797 − aside digits are the pool"""
    recrawl: bool = False
    """true: a round can get digits of the pool again as new human items; false: there are no new human items"""

    def __post_init__(self) -> None:
        check_between(1, 1796, aside=self.aside)

    @property
    def _scans(self) -> _Scans:
        return _digits(self.aside)

    @property
    def _settings(self) -> dict[str, int]:
        return {"aside": self.aside}


@dataclass(frozen=True)
class Idx(_Pictures):
    """pictures from a folder with the four files of MNIST (train-images-idx3-ubyte, …), uncompressed or as .gz

    The other files are train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte. The pool is the
    training part. Held-out pictures are from the test part. Fashion-MNIST and KMNIST have this format too.
    """

    folder: str
    """path of the folder with the four files; a relative path is relative to the directory in which the command runs"""
    aside: int = 2000
    """number of held-out pictures of the test part that metrics use"""
    known: int = 5000
    """number of labelled pictures of the training part that are used to find the classes of generated pictures"""
    recrawl: bool = False
    """true: a round can get pictures of the pool again as new human items; false: there are no new human items"""

    def __post_init__(self) -> None:
        check_least(1, aside=self.aside, known=self.known)

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
        raise ValueError(
            f"{folder} has pictures of size {images.shape[1:]} for training and {others.shape[1:]} for testing: use "
            "files of the same data set, with pictures of the same size"
        )
    first, kept = _chosen_rows(images, known, folder), _chosen_rows(others, aside, folder)
    digest = b"".join(
        digest_bytes(f"{part.shape}\n".encode() + part.tobytes()) for part in (images, labels, others, other_labels)
    )
    return _Scans(images, others[kept], images[first], labels[first].astype(np.int64), digest)


def _part(folder: Path, part: str) -> tuple[idx.Bytes, idx.Bytes]:
    """Return images `uint8[n, h, w]` and labels `uint8[n]` of the training part or the test part."""
    images = idx.load(folder, f"{part}-images-idx3-ubyte", 3)
    labels = idx.load(folder, f"{part}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise ValueError(
            f"{folder} has {len(images)} images but {len(labels)} labels in the files {part}-…: use the file of images "
            "and the file of labels of the same data set"
        )
    return images, labels


def _chosen_rows(images: Images, wanted: int, folder: str) -> digits.Rows:
    """Return the indices of `wanted` pictures, in ascending order. They are the same for every run and seed."""
    if wanted > len(images):
        raise ValueError(f"{folder} has {len(images)} pictures, and {wanted} are needed: use a smaller aside or known")
    return np.sort(generator(0, "images kept aside").permutation(len(images))[:wanted])


def _flat(images: Images) -> Items:
    """Return pictures `[n, height, width]` as `[n, height · width]`."""
    return images.reshape(len(images), -1)
