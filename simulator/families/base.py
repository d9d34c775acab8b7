"""The interface of a family of generative models: `fit` it to items, then `sample` new items.

A run has C chains: independent models that are fitted at the same time. An item has one value per chain, so n items are
an array `[n, C, d]`: float64 for points, uint8 for pixels, uint16 for tokens. The model of a chain is fitted only to
the values of that chain; chains share only the selection of items. A family is a frozen dataclass whose field values
(numbers and texts) are hashed into the run's id. Your own family needs a method `fit`, and the object that `fit`
returns needs a method `sample`.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

#: Metadata of a field that was added to a dataclass after runs had used the class. The default of such a field is the
#: earlier behaviour, and the field is hashed into ids only if it differs from its default.
ADDED = {"added": "later"}

#: n items of C chains in d dimensions, `[n, C, d]`, with the data type of the corpus: float64, uint8 or uint16.
Items: TypeAlias = npt.NDArray[Any]
#: The parameters of a fitted model by name, from which it can be restored.
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
#: m points that all chains share, `float64[m, d]`.
Points: TypeAlias = npt.NDArray[np.float64]
#: Float64 values. The docstring of each use gives the shape.
Floats: TypeAlias = npt.NDArray[np.float64]


class Fitted(Protocol):
    """The fitted models of C chains, in one object."""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n items, `[n, C, d]`. `rng` is the source of all randomness."""
        ...


@runtime_checkable
class Density(Protocol):
    """Fitted models that have a probability density. The metrics of likelihood apply to them."""

    def log_density(self, points: Points) -> Floats:
        """Return the natural logarithm of the density of each chain's model at `points[m, d]`: `[m, C]`."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Fitted models that encode items as points of a latent space.

    The first model of a run encodes all later items, for metrics.
    """

    def encode(self, items: Items) -> Floats:
        """Return the code of each item: the mean of its distribution in the latent space, `[n, C, latent]`."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """Fitted models that can compute a bound on the likelihood. The metric `held_out_elbo` applies to them."""

    def negative_elbo(self, points: Points) -> Floats:
        """Return an upper bound on the negative log-likelihood of `points[m, d]` for each chain: `[m, C]`, in nats."""
        ...


@runtime_checkable
class Language(Protocol):
    """Fitted language models, which give a probability to each next token. The metrics of text apply to them."""

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token of `blocks[m, C, L]` except the first of a block: `[m, C, L − 1]`, in nats.

        The loss is the negative log-likelihood of a token, given the tokens before it in its block. It is infinite for
        a token that the model never generates.
        """
        ...


@runtime_checkable
class Storable(Protocol):
    """Fitted models that can be saved as arrays. Their family can restore them (`Restores`)."""

    def arrays(self) -> Arrays:
        """Return all parameters of the models: arrays by name."""
        ...


@runtime_checkable
class Restores(Protocol):
    """A family that can restore fitted models from saved arrays.

    The first model of a run is saved, because metrics use it for all later output.
    """

    def restore(self, arrays: Arrays) -> Fitted:
        """Return the fitted models whose method `arrays()` returned these arrays."""
        ...


class Family(Protocol):
    """A kind of generative model, with its settings."""

    def fit(self, items: Items, rng: np.random.Generator) -> Fitted:
        """Fit one model per chain to `items[n, C, d]`. `rng` is the source of all randomness."""
        ...
