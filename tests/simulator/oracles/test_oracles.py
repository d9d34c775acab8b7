"""What theory says of a shared pool, of biased loops and of regression, against direct simulation."""

import numpy as np
import pytest
from scipy import stats

from simulator import oracles
from simulator.data.linear import Linear
from simulator.families.base import Floats
from simulator.families.regression import FittedRegression, Inputs, Regression
from simulator.oracles import CandidateItems
from simulator.randomness import generator
from simulator.regimes import Archive, Crawl, Entrant, golden_ratio
from simulator.worlds.commons import Commons

Row = tuple[str, float, Floats]


def agree(rows: list[Row]) -> None:
    """Jointly at 99 % (Bonferroni), with standard errors that could tell: under 2 % of each reference."""
    errors = [values.std(ddof=1) / np.sqrt(len(values)) for _, _, values in rows]
    z = [(values.mean() - expected) / error for (_, expected, values), error in zip(rows, errors, strict=True)]
    for (what, expected, values), score in zip(rows, z, strict=True):
        print(f"{what:32} {expected:.6f} {values.mean():.6f}  z = {score:+.2f}")
    assert all(error < 0.02 * row[1] for row, error in zip(rows, errors, strict=True))
    assert np.abs(z).max() < stats.norm.isf(0.01 / 2 / len(rows))


def commons(world: Commons, candidates: CandidateItems, n: int, rounds: int, runs: int) -> Floats:
    """Means of each provider `[rounds, runs, K]`, every run with draws of its own."""
    rng, k = generator(5, "commons"), world.providers
    first = rng.standard_normal((runs, 1 if world.base else k, n)).repeat(k if world.base else 1, axis=1)
    own = [first[:, j, : n if world.base else world.training_size(j, n)] for j in range(k)]
    means, spreads = (
        [np.stack([items.mean(axis=1) for items in own], axis=1)],
        np.stack([items.std(axis=1) for items in own], axis=1),
    )
    for _ in range(rounds - 1):
        made = [
            means[-1][:, [j]] + spreads[:, [j]] * rng.standard_normal((runs, candidates.made[0, j])) for j in range(k)
        ]
        pool = np.concatenate([rng.standard_normal((runs, candidates.humans)), *made], axis=1)
        drawn = [rng.permuted(pool, axis=1)[:, : world.training_size(j, n)] for j in range(k)]
        means.append(np.stack([items.mean(axis=1) for items in drawn], axis=1))
        spreads = np.stack([items.std(axis=1) for items in drawn], axis=1)
    return np.stack(means)


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [
        Commons(0.2, registered=0.5, pool=3),
        Commons(0.3, registered=0.4, pool=4, providers=3, market="zipf"),
        Commons(0.3, registered=0.5, pool=4, providers=3, lies=0.2, archived=0.3),
        Commons(0.3, registered=1 / 3, by="provider", pool=4, providers=3, order="best", training="zipf"),
        Commons(0.3, registered=0.5, pool=4, providers=3, base=False, training="zipf"),
    ],
    ids=["one", "three of unlike size", "three that lie", "three of unlike quality", "each with its own beginning"],
)
def test_a_shared_pool_does_what_its_recursion_says(world: Commons) -> None:
    n, rounds, regime = 10, 4, Crawl()
    candidates = oracles.candidates(world, regime, n, 0, 2)
    means = commons(world, candidates, n, rounds, 20_000)
    expected = oracles.expect_each(world, regime, n, rounds, archive=10**9)
    agree(
        [
            (f"E[μ²] of {k} after {t + 1}", expected[t, k], means[t, :, k] ** 2)
            for t in range(rounds)
            for k in range(world.providers)
        ]
    )
    assert oracles.expect_commons(world, regime, n, rounds, archive=10**9).mean_squared == pytest.approx(
        expected.mean(axis=1)
    )


GROWN = {
    "all pools and the archive": (Commons(0.3, registered=0.5, pool=2), Crawl(rounds=0)),
    "all pools": (Commons(0.3, registered=0.5, pool=3), Crawl(rounds=9)),
    "a back-dated archive": (Commons(0.2, lies=0.4, backdated=True), Archive()),
}


@pytest.mark.slow
@pytest.mark.parametrize(("world", "regime"), GROWN.values(), ids=GROWN)
def test_a_draw_from_all_pools_so_far_does_what_its_recursion_says(world: Commons, regime: Crawl | Archive) -> None:
    n, rounds, archive, runs = 10, 4, 20, 20_000
    rng, kept = generator(5, "grown"), isinstance(regime, Archive) or regime.rounds == 0
    people, made = {Crawl(rounds=0): (6, 7), Crawl(rounds=9): (9, 11), Archive(): (0, 16)}[regime]
    pool = rng.standard_normal((runs, archive))
    items, rows = pool[:, :n], list[Row]()
    pool = pool if kept else pool[:, :0]
    expected = oracles.expect_grown(world, regime, n, rounds, archive=archive)
    for t in range(rounds):
        mean, spread = items.mean(axis=1), items.std(axis=1)
        rows += [(f"v {t + 1}", expected.variance[t], spread**2), (f"μ² {t + 1}", expected.mean_squared[t], mean**2)]
        new = mean[:, np.newaxis] + spread[:, np.newaxis] * rng.standard_normal((runs, made))
        pool = np.concatenate([pool, rng.standard_normal((runs, people)), new], axis=1)
        items = rng.permuted(pool, axis=1)[:, :n]
    agree(rows)


def test_a_late_entrant_stays_where_it_came_in() -> None:
    world = Commons(0.2, registered=0.5, pool=4, providers=3)
    late, others = (oracles.expect_commons(world, regime, 50, 6).mean_squared for regime in (Entrant(entry=2), Crawl()))
    assert late[:3] == pytest.approx(others[:3])
    assert late[3:] == pytest.approx(np.full(3, others[2]))


@pytest.mark.parametrize(
    ("world", "regime"),
    [
        (Commons(0.2, providers=2), Archive()),
        (Commons(0.2, registered=0.5, late=2), Crawl(rounds=0)),
        (Commons(0.2), Crawl(rounds=2)),
        (Commons(0.2), Crawl(rounds=0, share=0.5)),
        (Commons(0.2), Entrant(rounds=0)),
    ],
    ids=["several providers", "told late", "some pools", "by shares", "a late entrant"],
)
def test_what_is_not_known_exactly_of_a_growing_pool_is_refused(world: Commons, regime: Crawl | Archive) -> None:
    with pytest.raises(ValueError, match="there is no exact expectation for this world"):
        oracles.expect_grown(world, regime, 20, 6)


@pytest.mark.parametrize("providers", [1, 10])
def test_a_large_pool_ends_where_its_limit_says(providers: int) -> None:
    n, made = 100, np.full((providers, providers), 19 * 10**8 // providers)
    draws, second = (
        oracles.expected_draws(CandidateItems(10**8, made), [n] * providers),
        np.full((providers, providers), 1 / n),
    )
    for _ in range(400):
        second = oracles.after_draws(second, draws)
    assert second[0, 0] == pytest.approx(oracles.expect_commons_at_last(n, 0.05, providers)[1])


def test_ten_providers_hide_the_collapse_as_measured() -> None:
    assert oracles.expect_commons_at_last(100, 0.05, 10)[1] == pytest.approx(0.0191, abs=1e-4)


def test_where_every_model_is_known_only_human_items_are_drawn() -> None:
    world = Commons(0.1, registered=1.0, providers=3)
    assert oracles.candidates(world, Crawl(), 100, 0, 2).made.sum() == 0
    assert oracles.expect_commons(world, Crawl(), 100, 5).mean_squared == pytest.approx(np.full(5, 0.01))


def test_a_private_log_leaves_out_ones_own_output_alone() -> None:
    candidates = oracles.candidates(Commons(0.25, providers=3), Crawl(log=True), 12, 0, 2)
    assert candidates.humans == 12
    assert np.array_equal(candidates.made, 12 * (1 - np.eye(3)))


def test_a_pool_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="set `pool` of the world to a larger value"):
        oracles.expect_commons(Commons(0.1, accused=0.5), Crawl(), 100, 2)


@pytest.mark.slow
@pytest.mark.parametrize("bias", [0.5, 1.0])
@pytest.mark.parametrize("loop", ["fresh", "augment", "growing"])
def test_biased_loops_do_what_their_recursions_say(loop: str, bias: float) -> None:
    humans, synthetic, rounds, chains = 8, 12, 4, 40_000
    rng = generator(6, loop)
    expect = {
        "fresh": oracles.expect_fresh_biased,
        "augment": oracles.expect_augment,
        "growing": oracles.expect_growing,
    }
    expected = expect[loop](humans, synthetic, bias, rounds)
    first = rng.standard_normal((humans + synthetic if loop == "fresh" else humans, chains))
    kept, items, rows = first, first, list[Row]()
    for t in range(rounds):
        mean, variance = items.mean(axis=0), items.var(axis=0)
        rows += [(f"v {t + 1}", expected.variance[t], variance), (f"μ² {t + 1}", expected.mean_squared[t], mean**2)]
        made = mean + np.sqrt(bias * variance) * rng.standard_normal((synthetic, chains))
        human = rng.standard_normal((humans, chains)) if loop == "fresh" else kept
        items = np.concatenate([human, made])
        kept = items if loop == "growing" else kept
    agree(rows)


def test_the_fresh_limit_does_not_depend_on_the_start() -> None:
    long = oracles.expect_fresh_biased(10, 90, 0.7, 2000)
    assert (long.variance[-1], long.mean_squared[-1]) == pytest.approx(oracles.expect_fresh_biased_at_last(10, 90, 0.7))


def test_without_bias_the_loops_are_those_of_the_plain_formulas() -> None:
    fresh, growing = oracles.expect_fresh_biased(10, 90, 1.0, 9), oracles.expect_growing(100, 100, 1.0, 9)
    assert fresh.mean_squared == pytest.approx(oracles.expect_fresh(100, 0.1, 9).mean_squared)
    assert growing.variance == pytest.approx(oracles.expect_accumulate(100, 9).variance)


@pytest.mark.parametrize("k", [0.2, 1.0, 5.0])
def test_the_golden_ratio_is_the_weight_of_least_error(k: float) -> None:
    best = golden_ratio(k)
    errors = [oracles.weighted_error_at_last(best + away, int(100 * k), 100) for away in (-0.01, 0, 0.01)]
    assert min(errors) == errors[1]


@pytest.mark.slow
@pytest.mark.parametrize(("regime", "inputs"), [("replace", "new"), ("replace", "same"), ("accumulate", "same")])
def test_regression_does_what_its_formulas_say(regime: str, inputs: Inputs) -> None:
    samples, d, rounds = 20, 3, 4
    corpus, rng = Linear(samples, d), generator(7, regime + inputs)
    expect = {
        "replace": oracles.expect_regression_replace,
        "accumulate": oracles.expect_regression_accumulate,
    }
    expected = expect[regime](samples, d, rounds)
    items, rows = corpus.pool(10_000, 1), list[Row]()
    for t in range(rounds):
        line: FittedRegression = Regression(inputs=inputs).fit(rng.permutation(items), rng)
        rows.append((f"{regime} {t + 1}", expected[t], corpus.measure(line, items, None)["test_error"]))
        made = line.sample(samples, rng)
        items = made if regime == "replace" else np.concatenate([items, made])
    agree(rows)
