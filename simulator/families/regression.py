"""Linear regression that is refitted to its own noisy predictions (Gerstgrasser et al. 2024)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.families.base import Floats, Items

Inputs = Literal["new", "same"]


@dataclass(frozen=True)
class FittedRegression:
    """Fitted models, one per chain: `coefficients[C, d]`, and `inputs[T, C, d]` if inputs are always the same."""

    coefficients: Floats
    noise: float
    inputs: Floats | None

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Draw n rows [x, y], `[n, C, d + 1]`, with y = x·β̂ + σ·ε.

        ε is standard normal. Raises ValueError if inputs are fixed and n is not their number.
        """
        chains, d = self.coefficients.shape
        x = rng.standard_normal((n, chains, d)) if self.inputs is None else self.inputs
        if len(x) != n:
            raise ValueError(
                f"inputs=same has {len(x)} inputs, but {n} items are drawn: use a world where a "
                f"model generates {len(x)} items"
            )
        y = np.einsum("ncd,cd->nc", x, self.coefficients) + self.noise * rng.standard_normal((n, chains))
        return np.concatenate([x, y[..., np.newaxis]], axis=2)


@dataclass(frozen=True)
class Regression:
    """least squares without intercept, for items that are rows [x, y]"""

    noise: float = 1.0
    """σ, the standard deviation of the noise in the labels that a fitted model generates"""
    inputs: Inputs = "new"
    """`new`: each round draws new inputs from N(0, I); `same`: the inputs are always the same, as in the exact
    formula for accumulate"""

    def fit(self, items: Items, rng: np.random.Generator) -> FittedRegression:
        """Fit each chain to `items[n, C, d + 1]`, rows [x, y], without randomness.

        Raises ValueError if there are not more items than coefficients, and for inputs=same if not every input occurs
        equally often.
        """
        x, y = items[..., :-1], items[..., -1]
        if len(items) <= x.shape[2]:
            raise ValueError(
                f"{x.shape[2]} coefficients need more than {x.shape[2]} items, not {len(items)}: use a larger n"
            )
        squares, products = np.einsum("nci,ncj->cij", x, x), np.einsum("nci,nc->ci", x, y)
        coefficients = np.linalg.solve(squares, products[..., np.newaxis])[..., 0]
        return FittedRegression(coefficients, self.noise, _distinct(x) if self.inputs == "same" else None)


def _distinct(x: Floats) -> Floats:
    """Return the distinct inputs of each chain of `x[n, C, d]`, ordered by their first entry.

    Raises ValueError if not every input occurs equally often.
    """
    order = np.argsort(x[..., 0], axis=0, kind="stable")
    ascending = np.take_along_axis(x, order[..., np.newaxis], axis=0)
    copies = int((x[:, 0, 0] == x[0, 0, 0]).sum())
    distinct = ascending[::copies]
    if len(x) % copies or not np.array_equal(np.repeat(distinct, copies, axis=0), ascending):
        raise ValueError("inputs=same needs a regime that trains on complete generations: use replace or accumulate")
    return distinct
