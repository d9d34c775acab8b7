"""The interface of a corpus (a source of human data), and corpora of points.

A corpus is a frozen dataclass whose field values (numbers and texts) are hashed into the run's id. The corpora in this
module have points with d dimensions: items are arrays `[n, C, d]`, with one point for each of C chains. In a corpus,
the pool is all human items that can be used before round 1. Corpora of pictures as pixels are in
`simulator.data.images`.
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
from simulator.ranges import check_between, check_least

#: Pictures of n items, `uint8[n, height, width]`, 0 black to 255 white.
Images: TypeAlias = npt.NDArray[np.uint8]


class Labelled(NamedTuple):
    """Human points `[m, d]`, and the class of each point, `int64[m]`."""

    points: Points
    labels: Labels


class Corpus(Protocol):
    """The human data of a run: items before round 1, new items of each round, and held-out items for metrics.

    N is the number of items in the pool, C the number of chains, d the number of dimensions.
    """

    def pool(self, chains: int, seed: int) -> Items:
        """Return all human items that can be used before round 1, `[N, C, d]`."""
        ...

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n new human items for a round, `[n, C, d]`. Raises ValueError if the corpus has no new items."""
        ...

    @property
    def held_out(self) -> Items | None:
        """Human data that no model trains on: points `[m, d]`, or blocks of tokens `uint16[m, L]`.

        None if no data is held out.
        """
        ...

    @property
    def truth(self) -> Mixture | None:
        """The distribution of the human data, as a mixture for one chain; None if it is unknown."""
        ...

    @property
    def labelled(self) -> Labelled | None:
        """Human points of the pool with their classes; None if the data has no classes."""
        ...

    def digest(self) -> str:
        """Return `sha256:<hex>` of the data, or of the settings that determine them: the same on every machine."""
        ...

    def images(self, items: Items) -> Images | None:
        """Return the items of the first chain, from `items[n, C, d]`, as pictures `uint8[n, h, w]`.

        Return None if items are not pictures.
        """
        ...


@runtime_checkable
class Measured(Protocol):
    """A corpus that computes its own metrics. They replace the metrics of points."""

    def measure(self, fitted: Fitted | None, items: Items, reference: Fitted | None) -> dict[str, Floats]:
        """Return the metrics of this corpus: arrays `[C]` by the metric's name.

        The arguments are those of `simulator.metrics.points.measure`.
        """
        ...


@runtime_checkable
class TextCorpus(Protocol):
    """A corpus whose items are blocks of tokens, so that the metrics of text apply to them."""

    @property
    def held_out(self) -> Items:
        """Blocks of tokens `uint16[m, L]` that no model trains on."""
        ...

    @property
    def frequencies(self) -> Floats:
        """The number of occurrences of each token in the pool, `[V]`."""
        ...

    def texts(self, items: Items) -> list[str]:
        """Return the items of the first chain, from `items[n, C, L]`, as texts."""
        ...


def digest_of_law(corpus: Any) -> str:
    """Return `sha256:<hex>` of those settings of a corpus that determine its distribution.

    The number of items n is not included. A setting that a later version added (`ADDED`) is included only if it differs
    from its default.
    """
    hashed = [f for f in fields(corpus) if f.metadata != ADDED or getattr(corpus, f.name) != f.default]
    law = {f.name: getattr(corpus, f.name) for f in hashed if f.name != "n"}
    return to_text(digest_bytes(rfc8785.dumps({type(corpus).__name__: law})))


class _Drawn(ABC):
    """The common part of corpora with a known distribution. Each human item is an independent random draw."""

    n: int
    held_out: None = None
    labelled: None = None

    @property
    @abstractmethod
    def truth(self) -> Mixture:
        """The distribution of the human data."""

    def pool(self, chains: int, seed: int) -> Items:
        """Return the `n` human items that can be used before round 1, `[n, C, d]`. Every chain has its own values."""
        return self._draw(self.n, chains, generator(seed, "human pool"))

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n new human items for a round, `[n, C, d]`."""
        return self._draw(n, chains, generator(seed, "human fresh", round))

    def _draw(self, n: int, chains: int, rng: np.random.Generator) -> Items:
        return self.truth.sample(n * chains, rng).reshape(n, chains, -1)

    def digest(self) -> str:
        """Return `sha256:<hex>` of all settings except n: of the distribution from which the items are drawn."""
        return digest_of_law(self)

    def images(self, items: Items) -> None:
        """Return None: points are not pictures."""
        return None


@dataclass(frozen=True)
class Normal(_Drawn):
    """normal data with one or more dimensions; the mean and the variance are the same along each axis"""

    n: int = 1000
    """number of human items that can be used before round 1"""
    mean: float = 0.0
    """true mean along each axis"""
    std: float = 1.0
    """true standard deviation along each axis"""
    dimensions: int = field(default=1, metadata=ADDED)
    """d, the number of dimensions"""

    def __post_init__(self) -> None:
        check_least(1, n=self.n, dimensions=self.dimensions)
        check_least(0, std=self.std)

    @property
    def truth(self) -> Mixture:
        """N(mean, std²), along each axis."""
        covariance = self.std**2 * np.eye(self.dimensions)
        return Mixture(np.ones((1, 1)), np.full((1, 1, self.dimensions), self.mean), covariance[None, None])


@dataclass(frozen=True)
class Blobs(_Drawn):
    """isotropic Gaussians on a circle, in two dimensions; blobs=1,radius=0 is the data of Shumailov et al. 2023"""

    n: int = 1000
    """number of human items that can be used before round 1"""
    blobs: int = 3
    """number of Gaussians; all have the same weight"""
    radius: float = 4.0
    """radius of the circle on which the means of the Gaussians are"""
    std: float = 1.0
    """true standard deviation of each Gaussian along each axis"""

    def __post_init__(self) -> None:
        check_least(1, n=self.n, blobs=self.blobs)
        check_least(0, std=self.std)

    @property
    def truth(self) -> Mixture:
        """The mixture of these Gaussians."""
        angle = 2 * np.pi * np.arange(self.blobs) / self.blobs
        means = self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        covariances = np.tile(self.std**2 * np.eye(2), (1, self.blobs, 1, 1))
        return Mixture(np.full((1, self.blobs), 1 / self.blobs), means[np.newaxis], covariances)


@dataclass(frozen=True)
class Digits:
    """the 1,797 handwritten digits of scikit-learn, as points in the space of their first principal components

    The digits have 8 × 8 pixels from 0 to 16. They are the test part of UCI Optical Recognition of Handwritten Digits
    (Alpaydin and Kaynak 1998). Every run and every seed has the same held-out digits. The principal components are
    computed only from the pool, that is, from the digits that are not held out.
    """

    components: int = 16
    """number of principal components; 16 components explain about 85 % of the variance"""
    aside: int = 400
    """number of digits held out for metrics; the other 1,797 − aside digits are the pool"""
    recrawl: bool = field(default=False, metadata=ADDED)
    """true: a round can get digits of the pool again as new human items; false: there are no new human items"""

    def __post_init__(self) -> None:
        check_between(1, 64, components=self.components)
        check_between(1, 1796, aside=self.aside)

    def pool(self, chains: int, seed: int) -> Items:
        """Return all digits that are not held out, `[1797 − aside, C, components]`.

        They are the same for each chain and seed.
        """
        points = self.labelled.points
        return np.repeat(points[:, np.newaxis], chains, axis=1)

    def fresh(self, n: int, chains: int, seed: int, round: int) -> Items:
        """Return n digits of the pool again as new human items, `[n, C, components]`.

        Raises ValueError if `recrawl` is false.
        """
        if not self.recrawl:
            raise ValueError(
                "this round needs new human items, but there are only 1,797 digits: set recrawl=true to use them "
                "again, use a regime without new human data, or use data without a limit, such as normal"
            )
        return digits.crawl_again(self.pool(chains, seed), n, seed, round)

    @property
    def held_out(self) -> Points:
        """The held-out digits, `[aside, components]`."""
        return _split(self).held_out

    @property
    def truth(self) -> None:
        """None: the distribution of handwriting is unknown."""

    @property
    def labelled(self) -> Labelled:
        """The digits of the pool, and the class of each: 0 to 9."""
        return _split(self).pool

    def digest(self) -> str:
        """Return `sha256:<hex>` of the pixels and labels of scikit-learn, and of the settings of the split."""
        pixels, labels = digits.digits()
        settings = rfc8785.dumps({"Digits": {"components": self.components, "aside": self.aside}})
        return to_text(digest_bytes(settings + pixels.astype("u1").tobytes() + labels.astype("u1").tobytes()))

    def images(self, items: Items) -> Images:
        """Return the items of the first chain, from `items[n, C, components]`, as pictures `uint8[n, 8, 8]`."""
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
    # The sign of an axis is arbitrary. Making its largest entry positive gives the same axis on every machine.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, np.newaxis]
    points = (pixels - centre) @ axes.T
    return _Split(Labelled(points[pool], labels[pool]), points[aside], centre, axes)
