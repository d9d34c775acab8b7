"""The theory of Gaussians whose providers crawl a shared pool, for all named results with such a pool."""

from functools import cache

import numpy as np

from simulator.config import Run
from simulator.families.base import Floats
from simulator.families.gaussian import Gaussian
from simulator.oracles.commons import expect_each, expect_grown, grown
from simulator.regimes import Archive, Crawl, HumanOnly
from simulator.reproductions.rows import Reference
from simulator.worlds.base import World
from simulator.worlds.commons import Commons

#: The largest number of values in a round: chains × items of the pool. A run stores all values: 400 MB in ten rounds.
_VALUES = 5_000_000


def limited_chains(world: World, n: int, chains: int) -> int:
    """Return `chains`, or a smaller number so that a round in this world generates at most `_VALUES` values."""
    return min(chains, _VALUES // world.shared_pool.items(n)) if isinstance(world, Commons) else chains


@cache
def expected_of_each(run: Run) -> Floats | None:
    """Return E[μ_t²] of the model of each provider after each fit, `[generations, K]`. K is the number of providers.

    μ_t is the mean of the model after fit t. With human data alone, K is 1. Return None if there is no theory: for
    other families, and for regimes that do not draw uniformly from one pool, or from all pools so far.
    """
    if not isinstance(run.family, Gaussian):
        return None
    if isinstance(run.regime, HumanOnly):
        return np.full((run.generations, 1), 1 / run.n)
    if not isinstance(run.world, Commons) or not isinstance(run.regime, Crawl | Archive):
        return None
    settings = run.n, run.generations, run.seed, run.humans
    if isinstance(run.regime, Crawl) and run.regime.uniform:
        return expect_each(run.world, run.regime, *settings)
    if not grown(run.world, run.regime, run.generations):
        return None
    return expect_grown(run.world, run.regime, *settings).mean_squared[:, np.newaxis]


def expected(run: Run) -> Floats | None:
    """Return E[μ_t²] of the models after each fit, as the mean over providers, `[generations]`.

    μ_t is the mean of a model after fit t. Return None if there is no theory, as in `expected_of_each`.
    """
    by_provider = expected_of_each(run)
    return None if by_provider is None else np.asarray(by_provider.mean(axis=1))


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return the exact value of E[μ_t²] over all draws, for the metric `mean_error` in a round.

    μ_t is the mean of the model after fit t. Return None for other metrics, and if there is no theory.
    """
    if metric != "mean_error" or round == 0 or (mean_squared := expected(run)) is None:
        return None
    return Reference(float(mean_squared[round - 1]), "exact")
