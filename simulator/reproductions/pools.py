"""The theory of Gaussians that crawl a shared pool, for all named results with such a pool."""

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
    """Return `chains`, or a smaller number with which a round in this world has at most `_VALUES` values."""
    return min(chains, _VALUES // world.shared_pool.items(n)) if isinstance(world, Commons) else chains


@cache
def expected_of_each(run: Run) -> Floats | None:
    """Return E[μ_t²] of each of K providers, `[generations, K]`; with human data alone, K is 1.

    Return None if there is no theory: for other families, and for regimes that do not draw uniformly from one pool, or
    from all pools so far.
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
    """Return the mean of E[μ_t²] over providers, `[generations]`; None if `expected_of_each` returns None."""
    by_provider = expected_of_each(run)
    return None if by_provider is None else np.asarray(by_provider.mean(axis=1))


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return the exact value of E[μ_t²] over all draws, for `mean_error`; None if there is no theory."""
    if metric != "mean_error" or round == 0 or (mean_squared := expected(run)) is None:
        return None
    return Reference(float(mean_squared[round - 1]), "exact")
