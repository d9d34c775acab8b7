"""K providers that share one pool, each fitting a one-dimensional Gaussian to its own draw: exactly, for every n.

What is followed is G, the second moments of the K means, `G[i, j] = E[μ_i μ_j]`, under maximum likelihood with human
data N(0, 1). Every item then has E[x²] = 1 for ever, so E[v_i] = 1 − G[i, i], and

    G'[i, j] = P(an item of i's and one of j's are one and the same) + Σ_kl P(they are two, made by k and by l)·G[k, l],

which is linear in the draws: with their expectation it is the expectation over all draws, with those that a run made it
is the expectation given these. All chains of a run share its draws, so a single run follows the second; the first is
what the mean over many seeds tends to, and its error is that between seeds. Derived.

Where every provider draws n from the same N' items, h of them human and s_k provider k's: with q = s(s − 1)/(N'(N' −
1)), r = Σ s_k(s_k − 1)/(s(s − 1)), M = G[i, i], S = G[i, j] and B = r·M + (1 − r)·S this is M' = 1/n + (1 − 1/n)·q·B
and S' = 1/N' + (1 − 1/N')·q·B.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from firsthand.core.verdicts import Verdict
from simulator.families.base import Floats
from simulator.oracles.gaussian import Expected
from simulator.regimes import Archive, Crawl
from simulator.worlds.commons import Batch, World

Counts = npt.NDArray[np.int64]


class Candidates(NamedTuple):
    """The items of a round's pool that a regime admits."""

    humans: int
    """new human ones, the same for every provider"""
    made: Counts
    """`[K, K]`: how many of each provider's last output each provider may draw"""


class Draws(NamedTuple):
    """What K draws of n items have in common. Both are probabilities over a random item of i's and one of j's."""

    same: Floats
    """`[K, K]`: that they are one and the same item"""
    pairs: Floats
    """`[K, K, K, K]`: that they are two items, the first made by k and the second by l"""


def candidates(world: World, regime: Crawl, n: int, seed: int, round: int) -> Candidates:
    """What each provider may draw in a round from the second on, out of the latest pool that its regime looks at."""
    if not regime.uniform or not world.pooled or round < 2:
        raise ValueError("what is known exactly is a uniform draw from one pool of a world that has pools")
    wanted, pool = regime.verdicts(), regime.until(round)
    people = Batch(pool, None, world.found(n))
    humans = _admitted(world, people, wanted, seed, round) if people.items else 0
    outputs = [Batch(pool - 1, k, items) for k, items in enumerate(world.made(n))]
    made = np.tile([_admitted(world, batch, wanted, seed, round) for batch in outputs], (world.lines, 1))
    if regime.private:
        np.fill_diagonal(made, 0)
    return Candidates(humans, made)


def verdicts(world: World, batch: Batch, seed: int, round: int, dated: bool = False) -> dict[Verdict, int]:
    """How many of a batch the registry holds for what, as of what a round draws from.

    `dated`: of those alone that some statement says were collected before there was any model.
    """
    human, model, there = np.zeros((3, batch.items), dtype=bool)
    said = [one for t in range(1, round) for one in world.corrected(batch, seed, t)]
    for one in [*world.said(batch, seed), *said]:
        there[one.rows] |= one.before or not dated
        human[one.rows] |= one.origin == "human"
        model[one.rows] |= one.origin == "model"
    flags = {"human": human & ~model, "model": model & ~human, "contested": human & model, "unknown": ~human & ~model}
    return {verdict: int((there & flag).sum()) for verdict, flag in flags.items()}  # type: ignore[misc]


def expected_draws(found: Candidates, sizes: Sequence[int]) -> Draws:
    """Of K uniform draws of so many items without replacement, each independent of the others.

    Raises ValueError where there are fewer than one wants, for then the registry refuses.
    """
    made, providers = found.made.astype(np.float64), len(found.made)
    total = found.humans + made.sum(axis=1)
    for there, n in zip(total, sizes, strict=True):
        if there < n:
            raise ValueError(f"a provider finds {there:.0f} items and wants {n}: let the pool be larger")
    both = np.minimum(made[:, np.newaxis], made[np.newaxis])  # [i, j, k], for a provider's output is there or it is not
    of_both = made[:, np.newaxis, :, np.newaxis] * made[np.newaxis, :, np.newaxis, :]
    two = of_both - both[..., np.newaxis] * np.eye(providers)
    choices = total[:, np.newaxis] * total
    same, pairs = (found.humans + both.sum(axis=2)) / choices, two / choices[..., np.newaxis, np.newaxis]
    for i, n in enumerate(sizes):
        same[i, i] = 1 / n
        pairs[i, i] = (1 - 1 / n) * two[i, i] / max(1.0, total[i] * (total[i] - 1))
    return Draws(same, pairs)


def after_draws(second: Floats, draws: Draws) -> Floats:
    """G of the providers' next means `[K, K]`, where `second` is that of the means whose output was drawn from."""
    return np.asarray(draws.same + np.einsum("ijkl,kl->ij", draws.pairs, second))


def expect_commons(
    world: World, regime: Crawl, n: int, rounds: int, seed: int = 0, archive: int | None = None
) -> Expected:
    """E[v_t] and E[μ_t²] of all providers together after t = 1 … rounds fits, over all draws.

    The first models are fitted to n of the `archive` items that there are before round 1 (n if none is given), all to
    the same or each to its own (`shared_base`). `seed` matters where the world lets it choose who registers.
    """
    each = expect_each(world, regime, n, rounds, seed, archive).mean(axis=1)
    return Expected(1 - each, each)


def expect_each(world: World, regime: Crawl, n: int, rounds: int, seed: int = 0, archive: int | None = None) -> Floats:
    """E[μ_t²] of each provider `[rounds, K]`, as `expect_commons` has them together."""
    sizes = [world.trains(k, n) for k in range(world.lines)]
    second = np.full((world.lines, world.lines), 1 / n if world.shared_base else 1 / (archive or n))
    np.fill_diagonal(second, 1 / n if world.shared_base else 1 / np.array(sizes))
    seconds = [second]
    for round in range(2, rounds + 1):
        found, made_by = candidates(world, regime, n, seed, round), seconds[regime.until(round) - 2]
        drawn = found.humans + found.made.sum(axis=1) if regime.everything else sizes
        seconds.append(after_draws(made_by, expected_draws(found, list(drawn))))
    return np.stack([np.diagonal(second) for second in seconds])


def expect_grown(
    world: World, regime: Crawl | Archive, n: int, rounds: int, seed: int = 0, archive: int | None = None
) -> Expected:
    """E[v_t] and E[μ_t²] of one provider that draws from all pools there were so far, exactly, over all draws.

    Its archive is among them, or every pool since alone (`rounds` of at least as many). With T the mean of the N items
    that there are to draw from, E[Tμ] = E[T²], for a draw is uniform; h human and m made items more give

        N'²·E[T'²] = N(N + 2m)·E[T²] + m²·E[μ²] + m·E[v] + h,

    and of a draw of n, E[μ'²] = 1/n + (1 − 1/n)·(N'·E[T'²] − 1)/(N' − 1). Derived. Raises ValueError for what is not
    drawn so, and where there are fewer than n items.
    """
    if not grown(world, regime, rounds):
        raise ValueError(
            "known exactly is one provider that draws from all pools so far, of which nothing is told late"
        )
    kept = isinstance(regime, Archive) or regime.rounds == 0
    wanted: list[Verdict] = ["human"] if isinstance(regime, Archive) else regime.verdicts()
    first = archive or n
    total, square = (first, 1 / first) if kept else (0, 0.0)
    mean_squared = [1 / (first if isinstance(regime, Archive) and regime.everything else n)]
    for round in range(2, rounds + 1):
        batches = Batch(round, None, world.found(n)), Batch(round - 1, 0, world.made(n)[0])
        dated = isinstance(regime, Archive)
        humans, made = (_admitted(world, one, wanted, seed, round, dated) if one.items else 0 for one in batches)
        new, last = total + humans + made, mean_squared[-1]
        square = (total * (total + 2 * made) * square + made**2 * last + made * (1 - last) + humans) / new**2
        total, drawn = new, new if regime.everything else n
        if total < drawn:
            raise ValueError(f"there are {total} items to draw {drawn} of: let the pool be larger")
        mean_squared.append(1 / drawn + (1 - 1 / drawn) * (total * square - 1) / max(1, total - 1))
    return Expected(1 - np.array(mean_squared), np.array(mean_squared))


def grown(world: World, regime: Crawl | Archive, rounds: int) -> bool:
    """Whether `expect_grown` knows what comes of it."""
    if world.lines > 1 or world.turns or not world.pooled:
        return False
    if isinstance(regime, Archive):
        return True
    alike = regime.share == 1 and not regime.weigh and not regime.private and regime.until(rounds) == rounds
    return alike and (regime.rounds == 0 or regime.rounds >= rounds - 1)


def expect_commons_at_last(n: int, share: float, providers: int) -> tuple[float, float]:
    """Where E[v] and E[μ²] end in a pool without bound whose candidates have a human share w, all providers alike.

    E[μ²] = (1 − w)²·B·(1 − 1/n) + 1/n with B = 1/(nK·w(2 − w) + (1 − w)²).
    """
    away = (1 - share) ** 2
    between = 1 / (n * providers * share * (2 - share) + away)
    mean_squared = away * between * (1 - 1 / n) + 1 / n
    return 1 - mean_squared, mean_squared


def _admitted(world: World, batch: Batch, wanted: list[Verdict], seed: int, round: int, dated: bool = False) -> int:
    found = verdicts(world, batch, seed, round, dated)
    return sum(found[verdict] for verdict in wanted)
