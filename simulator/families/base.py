"""What a family of generative models is: `fit` to items, then `sample`.

An item is one draw of all C chains, so items are arrays `[n, C, d]`: float64 for points, uint8 for pixels, uint16 for
tokens. A chain's model is fitted to that chain's values alone; the chains share nothing but which items were selected.
A family is a frozen dataclass of plain values, for these are hashed into the run's id; a family of your own needs
`fit`, and what it returns needs `sample`.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

#: Metadata of a field that a frozen dataclass got after runs were made with it; its default is what they did.
ADDED = {"added": "later"}

#: n items of C chains in d dimensions, `[n, C, d]`, of the type that the corpus has: float64, uint8 or uint16.
Items: TypeAlias = npt.NDArray[Any]
#: What a fitted model consists of, by name: all that it takes to have it again.
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
#: m points that all chains share, `float64[m, d]`.
Points: TypeAlias = npt.NDArray[np.float64]
#: Float64 values of any shape that the docstring gives.
Floats: TypeAlias = npt.NDArray[np.float64]


class Fitted(Protocol):
    """A model of each of C chains."""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n items, `[n, C, d]`."""
        ...


@runtime_checkable
class Density(Protocol):
    """A fitted model whose density can be evaluated; metrics of likelihood apply to it."""

    def log_density(self, points: Points) -> Floats:
        """Natural logarithm of each chain's density at `points[m, d]`: `[m, C]`."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """A fitted model that says where items lie in its latent space; as the first model, it is what others go by."""

    def encode(self, items: Items) -> Floats:
        """The mean of each item's code, `[n, C, latent]`."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A fitted model whose likelihood has a bound: the negative evidence lower bound applies to it."""

    def negative_elbo(self, points: Points) -> Floats:
        """A bound from above on each chain's negative log-likelihood at `points[m, d]`: `[m, C]`, nats."""
        ...


@runtime_checkable
class Language(Protocol):
    """A fitted model of sequences of tokens that says how probable each is; metrics of text apply to it."""

    def losses(self, blocks: Items) -> Floats:
        """Negative log-likelihood of each token of `blocks[m, C, L]` but the first, given those before it in its block.

        `[m, C, L − 1]`, in nats; infinite where the model never makes the token.
        """
        ...


@runtime_checkable
class Storable(Protocol):
    """A fitted model that can be kept, and had again from its family (`Restores`)."""

    def arrays(self) -> Arrays:
        """Its parameters."""
        ...


@runtime_checkable
class Restores(Protocol):
    """A family whose first model is kept as the run's reference: later generations' output is measured under it."""

    def restore(self, arrays: Arrays) -> Fitted:
        """The model whose `arrays()` these are."""
        ...


class Family(Protocol):
    """A kind of generative model, with its settings."""

    def fit(self, items: Items, rng: np.random.Generator) -> Fitted:
        """Fit each chain's model to `items[n, C, d]`."""
        ...
