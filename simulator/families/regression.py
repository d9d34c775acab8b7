"""Linear regression that is refitted to its own noisy predictions (Gerstgrasser et al. 2024)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.families.base import Floats, Items

Inputs = Literal["new", "same"]


@dataclass(frozen=True)
class FittedRegression:
    """The fitted linear models of C chains, with their `coefficients[C, d]`.

    If the inputs are always the same, `inputs[T, C, d]` has these T inputs; otherwise it is None. `noise` is σ, the
    standard deviation of the noise in generated labels.
    """

    coefficients: Floats
    noise: float
    inputs: Floats | None

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n items [x, y], `[n, C, d + 1]`, with y = x·β̂ + σ·ε.

        x are the inputs, β̂ the fitted coefficients, σ is `noise`, and ε is standard normal. Raises ValueError if the
        inputs are always the same, and n is not their number.
        """
        chains, d = self.coefficients.shape
        x = rng.standard_normal((n, chains, d)) if self.inputs is None else self.inputs
        if len(x) != n:
            raise ValueError(
                f"with inputs=same, a model generates exactly one item for each of its {len(x)} inputs, but the world "
                f"requests {n} items: use the world truthful and leave out --human, or use inputs=new"
            )
        y = np.einsum("ncd,cd->nc", x, self.coefficients) + self.noise * rng.standard_normal((n, chains))
        return np.concatenate([x, y[..., np.newaxis]], axis=2)


@dataclass(frozen=True)
class Regression:
    """linear regression by least squares without intercept, for items [x, y]"""

    noise: float = 1.0
    """σ, the standard deviation of the noise in the labels that a fitted model generates"""
    inputs: Inputs = "new"
    """`new`: a model draws new inputs from N(0, I) in each round; `same`: the inputs are the same in all rounds, as
    in the exact formula for `accumulate`"""

    def fit(self, items: Items, rng: np.random.Generator) -> FittedRegression:
        """Fit one model per chain to `items[n, C, d + 1]`, items [x, y], without randomness.

        Raises ValueError if there are not more items than coefficients. With inputs=same, also raises ValueError unless
        every distinct input occurs equally often.
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

    Raises ValueError unless every distinct input occurs equally often.
    """
    order = np.argsort(x[..., 0], axis=0, kind="stable")
    ascending = np.take_along_axis(x, order[..., np.newaxis], axis=0)
    copies = int((x[:, 0, 0] == x[0, 0, 0]).sum())
    distinct = ascending[::copies]
    if len(x) % copies or not np.array_equal(np.repeat(distinct, copies, axis=0), ascending):
        raise ValueError(
            "with inputs=same, a model must train on all items of each generation that it uses: use the regime replace "
            "or accumulate, or inputs=new"
        )
    return distinct
