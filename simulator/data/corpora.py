"""Human data, with fixed splits.

A corpus is a frozen dataclass of plain values, for these are hashed into the run's id. Its data are points of d
dimensions; handed out as items `[n, C, d]`, one value a chain. Pictures as pixels are in `simulator.data.images`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import rfc8785

from firsthand.core.digests import digest_bytes, to_text
from simulator.data import digits
from simulator.data.digits import Labels
from simulator.families.base import ADDED, Fitted, Floats, Items, Points
from simulator.families.mixtures import Mixture
from simulator.randomness import generator

#: Pictures of n items, `uint8[n, height, width]`, 0 black to 255 white.
Images: TypeAlias = npt.NDArray[np.uint8]


class Labelled(NamedTuple):
    """Human points `[m, d]` with the class of each, `int64[m]`."""

    points: Points
    labels: Labels


class Corpus(Protocol):
    """Human data: what there is before round 1, what is new each round, and what is kept aside to measure with."""

    def pool(self, chains: int, seed: int) -> Items:
        """The human items that there are before round 1, `[N, C, d]`."""
        ...

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n new human items for a round, `[n, C, d]`. A finite corpus raises ValueError."""
        ...

    @property
    def held_out(self) -> Items | None:
        """Human points `[m, d]`, or blocks of tokens `uint16[m, L]`, that are in no pool."""
        ...

    @property
    def truth(self) -> Mixture | None:
        """The distribution that human data come from, where it is known (C = 1)."""
        ...

    @property
    def labelled(self) -> Labelled | None:
        """The pool's human points with their classes."""
        ...

    def digest(self) -> str:
        """`sha256:<hex>` of the data, or of the law that they are drawn from; the same on every machine."""
        ...

    def images(self, items: Items) -> Images | None:
        """The first chain's values of `items[n, C, d]` as pictures `uint8[n, h, w]`, where they are pictures."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A corpus whose items are no points (text, say), and which measures them itself."""

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """What `simulator.metrics.points.measure` answers in its place."""
        ...


@runtime_checkable
class Written(Protocol):
    """A corpus whose items are text, to be read beside each other."""

    def texts(self, items: Items) -> list[str]:
        """The first chain's values of `items[n, C, L]`, written out."""
        ...

    def perplexities(self, items: Items, reference: Fitted) -> Floats:
        """The perplexity `[n]` of each of the first chain's values of `items[n, C, L]` under a model."""
        ...


def digest_of_law(corpus: Any) -> str:
    """`sha256:<hex>` of a corpus' settings but n, and but those that came later where they are as before."""
    said = [f for f in fields(corpus) if f.metadata != ADDED or getattr(corpus, f.name) != f.default]
    law = {f.name: getattr(corpus, f.name) for f in said if f.name != "n"}
    return to_text(digest_bytes(rfc8785.dumps({type(corpus).__name__: law})))


class _Drawn(ABC):
    """What corpora with a known truth share: each human item is an independent draw from it."""

    n: int
    held_out: None = None
    labelled: None = None

    @property
    @abstractmethod
    def truth(self) -> Mixture:
        """The distribution that human data come from."""

    def pool(self, chains: int, seed: int) -> Items:
        """The `n` human items that there are before round 1, `[n, C, d]`; every chain has its own values."""
        return self._draw(self.n, chains, generator(seed, "human pool"))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n new human items for a round, `[n, C, d]`."""
        return self._draw(n, chains, generator(seed, "human fresh", round))

    def _draw(self, n: int, chains: int, rng: np.random.Generator) -> Items:
        return self.truth.sample(n * chains, rng).reshape(n, chains, -1)

    def digest(self) -> str:
        """`sha256:<hex>` of the law's settings, for the data are drawn anew for each seed."""
        return digest_of_law(self)

    def images(self, items: Items) -> None:
        """None: these are no pictures."""
        return None


@dataclass(frozen=True)
class Normal(_Drawn):
    """Normal data, one-dimensional or alike along each axis."""

    n: int = 1000
    """human items that there are before round 1"""
    mean: float = 0.0
    """their true mean, along each axis"""
    std: float = 1.0
    """their true standard deviation, along each axis"""
    dimensions: int = field(default=1, metadata=ADDED)
    """d"""

    def __post_init__(self) -> None:
        if min(self.n, self.dimensions) < 1 or self.std < 0:
            raise ValueError(f"{self} is impossible: n and d are at least 1, and a standard deviation not negative")

    @property
    def truth(self) -> Mixture:
        """N(mean, std²), along each axis."""
        covariance = self.std**2 * np.eye(self.dimensions)
        return Mixture(np.ones((1, 1)), np.full((1, 1, self.dimensions), self.mean), covariance[None, None])


@dataclass(frozen=True)
class Blobs(_Drawn):
    """Round blobs at equal distances on a circle, two-dimensional; one blob of radius 0 is Shumailov et al.'s data."""

    n: int = 1000
    """human items that there are before round 1"""
    blobs: int = 3
    """how many blobs, all of the same weight"""
    radius: float = 4.0
    """the circle's radius"""
    std: float = 1.0
    """each blob's true standard deviation along each axis"""

    def __post_init__(self) -> None:
        if min(self.n, self.blobs) < 1 or self.std < 0:
            raise ValueError(f"{self} is impossible: n and blobs are at least 1, and a standard deviation not negative")

    @property
    def truth(self) -> Mixture:
        """The mixture of the blobs."""
        angle = 2 * np.pi * np.arange(self.blobs) / self.blobs
        means = self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        covariances = np.tile(self.std**2 * np.eye(2), (1, self.blobs, 1, 1))
        return Mixture(np.full((1, self.blobs), 1 / self.blobs), means[np.newaxis], covariances)


@dataclass(frozen=True)
class Digits:
    """The 1,797 handwritten digits that scikit-learn carries, in the space of their leading principal components.

    8 × 8 pixels of 0 to 16 (Alpaydin and Kaynak 1998, UCI Optical Recognition of Handwritten Digits, its test part).
    The split is fixed: every run and every seed has the same digits kept aside. The components are those of the pool,
    so that what was kept aside had no part in them.
    """

    components: int = 16
    """principal components kept; 16 hold about 85 % of the variance"""
    aside: int = 400
    """digits kept aside to measure with; the other 1,797 − aside are the pool"""
    recrawl: bool = field(default=False, metadata=ADDED)
    """whether new human items are digits of the pool again, as a crawl finds the same work again"""

    def __post_init__(self) -> None:
        if not 0 < self.aside < 1797 or not 0 < self.components <= 64:
            raise ValueError(f"{self} is impossible: components are 1 to 64, digits kept aside 1 to 1,796")

    def pool(self, chains: int, seed: int) -> Items:
        """The digits that were not kept aside, `[1797 − aside, C, components]`: the same for each chain and seed."""
        points = self.labelled.points
        return np.repeat(points[:, np.newaxis], chains, axis=1)

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """n digits of the pool again, `[n, C, components]`. Raises ValueError without `recrawl`: there are no new."""
        if not self.recrawl:
            raise ValueError(
                "the digits are 1,797 and no more: use a regime without fresh human data, recrawl=true, or drawn data"
            )
        return digits.found_again(self.pool(chains, seed), n, seed, round)

    @property
    def held_out(self) -> Points:
        """The digits kept aside, `[aside, components]`."""
        return _split(self).held_out

    @property
    def truth(self) -> None:
        """None: nobody knows the distribution of handwriting."""

    @property
    def labelled(self) -> Labelled:
        """The pool's digits and which digit each is."""
        return _split(self).pool

    def digest(self) -> str:
        """`sha256:<hex>` of the pixels and labels as scikit-learn carries them, and of this split's settings."""
        pixels, labels = digits.digits()
        settings = rfc8785.dumps({"Digits": {"components": self.components, "aside": self.aside}})
        return to_text(digest_bytes(settings + pixels.astype("u1").tobytes() + labels.astype("u1").tobytes()))

    def images(self, items: Items) -> Images:
        """The first chain's values of `items[n, C, components]` as pictures, `uint8[n, 8, 8]`."""
        split = _split(self)
        pixels = items[:, 0] @ split.axes + split.centre
        return np.clip(np.rint(pixels * (255 / 16)), 0, 255).astype(np.uint8).reshape(-1, 8, 8)


class _Split(NamedTuple):
    pool: Labelled
    held_out: Points
    centre: Floats  # [64]
    axes: Floats  # [components, 64]


@cache
def _split(corpus: Digits) -> _Split:
    pixels, labels = digits.digits()
    aside, pool = digits.split(corpus.aside)
    centre = pixels[pool].mean(axis=0)
    _, _, axes = np.linalg.svd(pixels[pool] - centre, full_matrices=False)
    axes = axes[: corpus.components]
    # An axis has no sign of its own; the largest entry positive makes it the same on every machine.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, np.newaxis]
    points = (pixels - centre) @ axes.T
    return _Split(Labelled(points[pool], labels[pool]), points[aside], centre, axes)
