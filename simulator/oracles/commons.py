"""Exact expectations for K providers that share a pool. Each provider fits a one-dimensional Gaussian to n items.

Human data are N(0, 1), and fits are by maximum likelihood. v_i and μ_i are the variance and the mean of the model of
provider i. The formulas are exact for every n. In a round, each provider draws its n training items from the pool;
these items are its draw. The state of the theory is the matrix G with G[i, j] = E[μ_i μ_j]. Every item has E[x²] = 1 in
every round, so E[v_i] = 1 − G[i, i]. Take a random item of provider i's draw and a random item of provider j's draw.
Then the next state G' is

    G'[i, j] = P(they are the same item) + Σ_kl P(they are different items, made by k and by l)·G[k, l].

This is linear in the overlap of the draws, that is, in the items that two draws have in common. The expected overlap
gives the expectation over all draws. The overlap of the draws of one run gives the expectation given these draws. All
chains of a run share its draws, so a single run follows the second expectation. The mean over many seeds tends to the
first, and its standard error is the standard error between seeds. Derived here.

Special case: every provider draws n items from the same T items, of which s_k are made by provider k and the others are
human. M = G[i, i] is the same for every i, and S = G[i, j] is the same for every i ≠ j. A prime marks the next state.
With s = Σ s_k, q = s(s − 1)/(T(T − 1)), r = Σ s_k(s_k − 1)/(s(s − 1)) and B = r·M + (1 − r)·S,

    M' = 1/n + (1 − 1/n)·q·B,
    S' = 1/T + (1 − 1/T)·q·B.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from firsthand.core.verdicts import Verdict
from simulator.families.base import Floats
from simulator.oracles.gaussian import Expected
from simulator.regimes import Archive, Crawl
from simulator.worlds.base import RoundBatch, World

Counts = npt.NDArray[np.int64]


class CandidateItems(NamedTuple):
    """The numbers of items that the providers may draw from the pool of one round, by maker."""

    humans: int
    """number of new human items that a provider may draw; the same for every provider"""
    made: Counts
    """`[K, K]`: `made[i, k]` is the number of items of provider k's last output that provider i may draw"""


class Draws(NamedTuple):
    """The overlap of the draws of K providers, as probabilities.

    Take a random training item of provider i, and a random training item of provider j.
    """

    same: Floats
    """`same[i, j]` is the probability that they are the same item, `[K, K]`"""
    pairs: Floats
    """`pairs[i, j, k, l]` is the probability that they are different items, the first made by provider k and the
    second by provider l, `[K, K, K, K]`"""


def candidates(world: World, regime: Crawl, n: int, seed: int, round: int) -> CandidateItems:
    """Return the numbers of items that each provider may draw in a round from the latest pool.

    Raises ValueError for round 1, and if the regime does not draw uniformly from the latest pool.
    """
    if not regime.uniform or not world.pooled or round < 2:
        raise ValueError(
            f"there is no exact expectation for this world and regime in round {round}: it is known only for a uniform "
            "draw from the latest pool. Use a world with a pool, a regime with rounds=1, share=1 and weigh=false, and "
            "a round above 1"
        )
    admitted, pool = regime.verdicts(), regime.until(round)
    people = RoundBatch(pool, None, world.new_humans(n))
    humans = _count_admitted(world, people, admitted, seed, round) if people.items else 0
    outputs = [RoundBatch(pool - 1, k, items) for k, items in enumerate(world.outputs(n))]
    made = np.tile([_count_admitted(world, batch, admitted, seed, round) for batch in outputs], (world.providers, 1))
    if regime.private:
        np.fill_diagonal(made, 0)
    return CandidateItems(humans, made)


def verdicts(world: World, batch: RoundBatch, seed: int, round: int, dated: bool = False) -> dict[Verdict, int]:
    """Return the number of items of a batch for each verdict of the registry.

    The verdicts are those at the log position at which `round` selects its mix. If `dated` is true, count only items
    with a statement that they were collected before the first model.
    """
    human, model, counted = np.zeros((3, batch.items), dtype=bool)
    later = [statement for t in range(1, round) for statement in world.corrections(batch, seed, t)]
    for statement in [*world.statements(batch, seed), *later]:
        counted[statement.rows] |= statement.before or not dated
        human[statement.rows] |= statement.origin == "human"
        model[statement.rows] |= statement.origin == "model"
    flags = {"human": human & ~model, "model": model & ~human, "contested": human & model, "unknown": ~human & ~model}
    return {verdict: int((counted & flag).sum()) for verdict, flag in flags.items()}  # type: ignore[misc]


def expected_draws(admitted: CandidateItems, sizes: Sequence[int]) -> Draws:
    """Return the expected overlap of K independent uniform draws without replacement.

    `admitted` has the numbers of items that each provider may draw. `sizes[i]` is the number of items that provider i
    draws. Raises ValueError if provider i may draw fewer than `sizes[i]` items. The registry also refuses such a draw.
    """
    made, providers = admitted.made.astype(np.float64), len(admitted.made)
    total = admitted.humans + made.sum(axis=1)
    for available, n in zip(total, sizes, strict=True):
        if available < n:
            raise ValueError(
                f"the pool has {available:.0f} items for a provider that draws {n}: set `pool` of the world to a "
                "larger value, such as pool=20"
            )
    both = np.minimum(made[:, np.newaxis], made[np.newaxis])  # [i, j, k]: a provider may draw all output of k, or none
    of_both = made[:, np.newaxis, :, np.newaxis] * made[np.newaxis, :, np.newaxis, :]
    two = of_both - both[..., np.newaxis] * np.eye(providers)
    choices = total[:, np.newaxis] * total
    same, pairs = (admitted.humans + both.sum(axis=2)) / choices, two / choices[..., np.newaxis, np.newaxis]
    for i, n in enumerate(sizes):
        same[i, i] = 1 / n
        pairs[i, i] = (1 - 1 / n) * two[i, i] / max(1.0, total[i] * (total[i] - 1))
    return Draws(same, pairs)


def after_draws(second: Floats, draws: Draws) -> Floats:
    """Return the matrix G of the models that are fitted to these draws, `[K, K]`.

    G[i, j] = E[μ_i μ_j], where μ_i is the mean of the model of provider i. `second` is the matrix G of the models whose
    output is in the pool. `draws` has the probabilities that training items of two providers are the same item, or are
    different items of two makers (see `Draws`).
    """
    return np.asarray(draws.same + np.einsum("ijkl,kl->ij", draws.pairs, second))


def expect_commons(
    world: World, regime: Crawl, n: int, rounds: int, seed: int = 0, archive: int | None = None
) -> Expected:
    """Return the expected variance and squared mean after each fit, averaged over the K providers of a world.

    v and μ are the variance and the mean of a model. The values are E[v_t] and E[μ_t²] over all draws, for the fits t =
    1, 2, …, `rounds`. `archive` is the number of human items from before round 1 (default n). The first models are
    fitted to n of these items. If the world has `shared_base`, all first models are fitted to the same n items;
    otherwise each provider draws its own n items. `seed` has an effect only if it selects the providers that register.
    Raises ValueError as `candidates` and `expected_draws` do.
    """
    mean_squared = expect_each(world, regime, n, rounds, seed, archive).mean(axis=1)
    return Expected(1 - mean_squared, mean_squared)


def expect_each(world: World, regime: Crawl, n: int, rounds: int, seed: int = 0, archive: int | None = None) -> Floats:
    """Return E[μ_t²] of the model of each of K providers after each fit, `[rounds, K]`.

    μ_t is the mean of the model after fit t. The arguments are those of `expect_commons`.
    """
    sizes = [world.training_size(k, n) for k in range(world.providers)]
    second = np.full((world.providers, world.providers), 1 / n if world.shared_base else 1 / (archive or n))
    np.fill_diagonal(second, 1 / n if world.shared_base else 1 / np.array(sizes))
    seconds = [second]
    for round in range(2, rounds + 1):
        admitted, makers = candidates(world, regime, n, seed, round), seconds[regime.until(round) - 2]
        drawn = admitted.humans + admitted.made.sum(axis=1) if regime.everything else sizes
        seconds.append(after_draws(makers, expected_draws(admitted, list(drawn))))
    return np.stack([np.diagonal(second) for second in seconds])


def expect_grown(
    world: World, regime: Crawl | Archive, n: int, rounds: int, seed: int = 0, archive: int | None = None
) -> Expected:
    """Return the expected variance and squared mean after each fit, for one provider that draws from all pools so far.

    v_t and μ_t are the variance and the mean of the model after fit t. If the regime is `Archive` or has `rounds=0`,
    the provider also draws from the archive: the human items from before round 1. Let T be the mean of the N items that
    the provider may draw. A draw is uniform, so E[Tμ] = E[T²]. A prime marks the values of the next round. Then the
    provider may draw h new human items and m new model items in addition, so N' = N + h + m and

        N'²·E[T'²] = N(N + 2m)·E[T²] + m²·E[μ²] + m·E[v] + h.

    A draw of n items then has E[μ'²] = 1/n + (1 − 1/n)·(N'·E[T'²] − 1)/(N' − 1). Derived here. Raises ValueError if
    `grown` returns False for the world and regime, and if the provider may draw fewer than n items.
    """
    if not grown(world, regime, rounds):
        raise ValueError(
            "there is no exact expectation for this world and regime: it is known only for one provider of a shared "
            "pool that draws uniformly from all pools so far, without late claims. Use the world commons with "
            "providers=1 and late=0. Use the regime archive, or crawl with rounds=0 and without share, weigh and log"
        )
    with_archive = isinstance(regime, Archive) or regime.rounds == 0
    admitted: list[Verdict] = ["human"] if isinstance(regime, Archive) else regime.verdicts()
    first = archive or n
    total, square = (first, 1 / first) if with_archive else (0, 0.0)
    mean_squared = [1 / (first if isinstance(regime, Archive) and regime.everything else n)]
    for round in range(2, rounds + 1):
        batches = RoundBatch(round, None, world.new_humans(n)), RoundBatch(round - 1, 0, world.outputs(n)[0])
        dated = isinstance(regime, Archive)
        humans, made = (
            _count_admitted(world, batch, admitted, seed, round, dated) if batch.items else 0 for batch in batches
        )
        new, last = total + humans + made, mean_squared[-1]
        square = (total * (total + 2 * made) * square + made**2 * last + made * (1 - last) + humans) / new**2
        total, drawn = new, new if regime.everything else n
        if total < drawn:
            raise ValueError(
                f"the pools have {total} items for a provider that draws {drawn} in round {round}: set `pool` of the "
                "world to a larger value, such as pool=20"
            )
        mean_squared.append(1 / drawn + (1 - 1 / drawn) * (total * square - 1) / max(1, total - 1))
    return Expected(1 - np.array(mean_squared), np.array(mean_squared))


def grown(world: World, regime: Crawl | Archive, rounds: int) -> bool:
    """Return whether `expect_grown` is exact for this world and regime."""
    if world.providers > 1 or world.correction_round or not world.pooled:
        return False
    if isinstance(regime, Archive):
        return True
    alike = regime.share == 1 and not regime.weigh and not regime.private and regime.until(rounds) == rounds
    return alike and (regime.rounds == 0 or regime.rounds >= rounds - 1)


def expect_commons_at_last(n: int, share: float, providers: int) -> tuple[float, float]:
    """Return the limits of E[v] and E[μ²] as the number of rounds grows, for an infinite pool and K equal providers.

    v and μ are the variance and the mean of a model. n is the number of items that each model is fitted to. `providers`
    is K. `share` is w, the share of human items among the items that a provider may draw. The limits are

        B = 1/(nK·w(2 − w) + (1 − w)²),
        E[μ²] = (1 − w)²·B·(1 − 1/n) + 1/n,
        E[v] = 1 − E[μ²].
    """
    away = (1 - share) ** 2
    between = 1 / (n * providers * share * (2 - share) + away)
    mean_squared = away * between * (1 - 1 / n) + 1 / n
    return 1 - mean_squared, mean_squared


def _count_admitted(
    world: World, batch: RoundBatch, admitted: list[Verdict], seed: int, round: int, dated: bool = False
) -> int:
    counts = verdicts(world, batch, seed, round, dated)
    return sum(counts[verdict] for verdict in admitted)
