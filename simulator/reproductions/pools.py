"""What theory says of Gaussians that crawl a shared pool, for all results that are about one."""

from functools import cache

import numpy as np

from simulator.config import Run
from simulator.families.base import Floats
from simulator.families.gaussian import Gaussian
from simulator.oracles.commons import expect_each, expect_grown, grown
from simulator.regimes import Archive, Crawl, HumanOnly
from simulator.reproductions.rows import Reference
from simulator.worlds.commons import Commons, World

#: Values, chains × items of a pool, that a run makes a round at most: it holds them all, 400 MB in ten rounds, until it
#: is finished.
_VALUES = 5_000_000


def held(world: World, n: int, chains: int) -> int:
    """So many chains, or as many as a run of this world can hold."""
    return min(chains, _VALUES // world.size(n)) if isinstance(world, Commons) else chains


@cache
def expected_of_each(run: Run) -> Floats | None:
    """E[μ_t²] `[generations, K]`; None where a run draws otherwise than uniformly from one pool, or from all so far."""
    if not isinstance(run.family, Gaussian):
        return None
    if isinstance(run.regime, HumanOnly):
        return np.full((run.generations, 1), 1 / run.n)
    if not isinstance(run.world, Commons) or not isinstance(run.regime, Crawl | Archive):
        return None
    asked = run.world, run.regime, run.n, run.generations, run.seed, run.humans
    if isinstance(run.regime, Crawl) and run.regime.uniform:
        return expect_each(run.world, run.regime, *asked[2:])
    return expect_grown(*asked).mean_squared[:, np.newaxis] if grown(*asked[:2], run.generations) else None


def expected(run: Run) -> Floats | None:
    """E[μ_t²] of all providers together, `[generations]`; None as above."""
    each = expected_of_each(run)
    return None if each is None else np.asarray(each.mean(axis=1))


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Exact, over all draws."""
    if metric != "mean_error" or round == 0 or (found := expected(run)) is None:
        return None
    return Reference(float(found[round - 1]), "exact")
