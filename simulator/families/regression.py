"""Linear regression whose next training labels are its own predictions, with noise (Gerstgrasser et al. 2024)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.families.base import Floats, Items

Inputs = Literal["new", "same"]


@dataclass(frozen=True)
class Line:
    """A fitted line a chain: coefficients `[C, d]`, and where inputs stay the same, those `[T, C, d]`."""

    coefficients: Floats
    noise: float
    inputs: Floats | None

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """n rows [x, y], `[n, C, d + 1]`, with y = x·β̂ + σ·noise. Raises ValueError for more than there are inputs."""
        chains, d = self.coefficients.shape
        x = rng.standard_normal((n, chains, d)) if self.inputs is None else self.inputs
        if len(x) != n:
            raise ValueError(f"inputs that stay the same are {len(x)} each round, not {n}: train on whole generations")
        y = np.einsum("ncd,cd->nc", x, self.coefficients) + self.noise * rng.standard_normal((n, chains))
        return np.concatenate([x, y[..., np.newaxis]], axis=2)


@dataclass(frozen=True)
class Regression:
    """Least squares through the origin, of items that are rows [x, y]."""

    noise: float = 1.0
    """σ, the standard deviation of the labels that a fitted model makes"""
    inputs: Inputs = "new"
    """whether it makes them for new inputs, N(0, I), or the same each round, as accumulate's exact formula has it"""

    def fit(self, items: Items, rng: np.random.Generator) -> Line:
        """Fit each chain's line to `items[n, C, d + 1]`. Needs no randomness. Raises ValueError for too few items."""
        x, y = items[..., :-1], items[..., -1]
        if len(items) <= x.shape[2]:
            raise ValueError(f"{x.shape[2]} coefficients need more than {len(items)} items: select more")
        squares, products = np.einsum("nci,ncj->cij", x, x), np.einsum("nci,nc->ci", x, y)
        coefficients = np.linalg.solve(squares, products[..., np.newaxis])[..., 0]
        return Line(coefficients, self.noise, _distinct(x) if self.inputs == "same" else None)


def _distinct(x: Floats) -> Floats:
    """Each chain's distinct inputs, of `[n, C, d]` in which each stands equally often; by first entry."""
    order = np.argsort(x[..., 0], axis=0, kind="stable")
    ascending = np.take_along_axis(x, order[..., np.newaxis], axis=0)
    often = int((x[:, 0, 0] == x[0, 0, 0]).sum())
    found = ascending[::often]
    if len(x) % often or not np.array_equal(np.repeat(found, often, axis=0), ascending):
        raise ValueError("inputs stay the same only where whole generations are trained on: replace or accumulate")
    return found
