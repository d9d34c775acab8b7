"""The interface of a family of generative models: `fit` to items, then `sample`.

An item is one draw of all C chains, so items are arrays `[n, C, d]`: float64 for points, uint8 for pixels, uint16 for
tokens. The model of a chain is fitted to the values of that chain alone; chains share only the selection of items. A
family is a frozen dataclass of plain values, which are hashed into the run's id. A family of your own needs `fit`, and
the object that `fit` returns needs `sample`.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

#: Metadata of a field that was added to a dataclass after runs had used it. Its default is the earlier behaviour.
ADDED = {"added": "later"}

#: n items of C chains in d dimensions, `[n, C, d]`, of the type that the corpus has: float64, uint8 or uint16.
Items: TypeAlias = npt.NDArray[Any]
#: The parameters of a fitted model by name, from which it can be restored.
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
#: m points that all chains share, `float64[m, d]`.
Points: TypeAlias = npt.NDArray[np.float64]
#: Float64 values; the docstring gives the shape.
Floats: TypeAlias = npt.NDArray[np.float64]


class Fitted(Protocol):
    """A model of each of C chains."""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items, `[n, C, d]`."""
        ...


@runtime_checkable
class Density(Protocol):
    """A fitted model with a density; metrics of likelihood apply to it."""

    def log_density(self, points: Points) -> Floats:
        """Return the natural logarithm of each chain's density at `points[m, d]`: `[m, C]`."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """A fitted model that encodes items into a latent space; the first one is the reference for later items."""

    def encode(self, items: Items) -> Floats:
        """Return the mean of each item's code, `[n, C, latent]`."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A fitted model with a bound on its likelihood; the metric `held_out_elbo` applies to it."""

    def negative_elbo(self, points: Points) -> Floats:
        """Return an upper bound on each chain's negative log-likelihood at `points[m, d]`: `[m, C]`, in nats."""
        ...


@runtime_checkable
class Language(Protocol):
    """A fitted model of sequences of tokens with their probabilities; metrics of text apply to it."""

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token of `blocks[m, C, L]` but the first, given the tokens before it in its block.

        The negative log-likelihood `[m, C, L − 1]`, in nats; infinite for a token that the model never makes.
        """
        ...


@runtime_checkable
class Storable(Protocol):
    """A fitted model that can be saved, and restored by its family (`Restores`)."""

    def arrays(self) -> Arrays:
        """Return its parameters."""
        ...


@runtime_checkable
class Restores(Protocol):
    """A family whose first model is saved as the reference of the run: later output is measured with it."""

    def restore(self, arrays: Arrays) -> Fitted:
        """Return the model whose `arrays()` these are."""
        ...


class Family(Protocol):
    """A kind of generative model, with its settings."""

    def fit(self, items: Items, rng: np.random.Generator) -> Fitted:
        """Fit each chain's model to `items[n, C, d]`."""
        ...
