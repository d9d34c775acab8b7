from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from simulator import oracles
from simulator.families.base import Items
from simulator.families.gaussian import Gaussian
from simulator.randomness import generator

CHAINS, N, ROUNDS = 40_000, 100, 10
RNG = generator(0, "fits of a Gaussian need no randomness")
#: What is compared, its expected value, its measured value, and the standard error of that.
Row = tuple[str, float, float, float]
#: A name, what theory expects, and what was simulated.
Experiment = tuple[str, oracles.Expected, oracles.Trajectories]


def items(n: int, chains: int, d: int, purpose: str = "items") -> Items:
    return generator(1, purpose).standard_normal((n, chains, d)) * np.arange(1, chains + 1)[:, np.newaxis]


@pytest.mark.parametrize(("estimator", "ddof"), [("mle", 0), ("unbiased", 1)])
def test_each_chain_is_fitted_to_its_own_values(estimator: Literal["mle", "unbiased"], ddof: int) -> None:
    drawn = items(50, 3, 1)
    mean, covariance = Gaussian(estimator).fit(drawn, RNG).moments()
    assert np.allclose(mean, drawn.mean(axis=0))
    assert np.allclose(covariance[:, 0, 0], drawn.var(axis=0, ddof=ddof)[:, 0])


def test_in_several_dimensions_it_has_a_full_covariance() -> None:
    drawn = items(50, 2, 3)
    _, covariance = Gaussian("unbiased").fit(drawn, RNG).moments()
    assert np.allclose(covariance, [np.cov(drawn[:, chain].T) for chain in range(2)])


def test_samples_have_the_fitted_moments() -> None:
    fitted = Gaussian().fit(items(50, 2, 2), RNG)
    again = Gaussian().fit(fitted.sample(200_000, generator(2, "sample")), RNG)
    (mean, covariance), (sampled_mean, sampled) = fitted.moments(), again.moments()
    assert np.allclose(sampled_mean, mean, atol=4 * np.sqrt(covariance.max() / 200_000))
    assert np.allclose(sampled, covariance, atol=4 * covariance.max() * np.sqrt(2 / 200_000))


def test_a_chain_that_has_collapsed_to_a_point_goes_on() -> None:
    fitted = Gaussian().fit(np.full((20, 2, 1), 3.0), RNG)
    assert np.array_equal(fitted.sample(5, generator(3, "sample")), np.full((5, 2, 1), 3.0))
    assert np.isfinite(fitted.log_density(np.array([[3.0], [4.0]]))).all()


def test_too_few_items_are_refused_and_the_error_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="needs more than 1 items: use a larger n"):
        Gaussian("unbiased").fit(items(1, 1, 1), RNG)


def experiments() -> Iterator[Experiment]:
    """Each reference of the papers, with its experiment by sufficient statistics and by real items: same settings."""
    rng = generator(11, "oracles")
    yield (
        "replace, mle",
        oracles.expect_replace(N, ROUNDS),
        oracles.simulate_replace(CHAINS, N, ROUNDS, rng),
    )
    yield (
        "replace, unbiased",
        oracles.expect_replace(N, ROUNDS, "unbiased"),
        oracles.simulate_replace(CHAINS, N, ROUNDS, rng, "unbiased"),
    )
    yield (
        "accumulate",
        oracles.expect_accumulate(N, ROUNDS),
        oracles.simulate_accumulate(CHAINS, N, ROUNDS, rng),
    )
    for share in (0.05, 0.5, 1.0):
        yield (
            f"fresh {share}",
            oracles.expect_fresh(N, share, ROUNDS),
            oracles.simulate_fresh(CHAINS, N, share, ROUNDS, rng),
        )


def compare(experiment: Experiment, rounds: Iterable[int]) -> Iterator[Row]:
    """Rows (what, expected, measured, standard error) of a trajectory's E[v] and E[μ²] in some rounds."""
    name, expected, trajectories = experiment
    for what, reference, values in [
        ("v", expected.variance, trajectories.variance),
        ("μ²", expected.mean_squared, trajectories.mean**2),
    ]:
        for t in rounds:
            error = values[t - 1].std(ddof=1) / np.sqrt(values.shape[1])
            yield f"{name}: {what} after {t}", reference[t - 1], values[t - 1].mean(), error


def agree(measured_rows: Iterable[Row]) -> None:
    """Jointly at 99 % (Bonferroni), with standard errors that could tell: under 2 % of each reference."""
    rows = list(measured_rows)
    z = [(measured - expected) / error for _, expected, measured, error in rows]
    for (what, expected, measured, error), score in zip(rows, z, strict=True):
        print(f"{what:32} {expected:.6f} {measured:.6f} ± {error:.6f}  z = {score:+.2f}")
    assert all(error < 0.02 * expected for _, expected, _, error in rows)
    assert np.abs(z).max() < stats.norm.isf(0.01 / 2 / len(rows))


def test_simulation_by_sufficient_statistics_agrees_with_the_formulas() -> None:
    agree(row for experiment in experiments() for row in compare(experiment, rounds=(1, 2, 5, 10)))


def test_chains_of_real_items_agree_with_the_formulas() -> None:
    rng, n, family = generator(12, "real items"), 50, Gaussian()
    fitted = [family.fit(rng.standard_normal((n, 20_000, 1)), rng)]
    for _ in range(3):
        fitted.append(family.fit(fitted[-1].sample(n, rng), rng))
    mean, variance = (np.stack([model.moments()[i].reshape(-1) for model in fitted]) for i in (0, 1))
    chains = oracles.Trajectories(variance, mean)
    agree(compare(("replace", oracles.expect_replace(n, 4), chains), rounds=(1, 2, 3, 4)))


def test_a_wrong_reference_would_be_noticed() -> None:
    name, expected, trajectories = next(experiments())
    wrong = oracles.Expected(expected.variance * (1 + 1 / N), expected.mean_squared)
    with pytest.raises(AssertionError):
        agree(compare((name, wrong, trajectories), rounds=(1, 2, 5, 10)))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_fresh_share_ends_where_its_limit_says(share: float) -> None:
    variance, mean_squared = oracles.expect_fresh_at_last(N, share)
    expected = oracles.expect_fresh(N, share, 3000)
    assert expected.mean_squared[-1] == pytest.approx(mean_squared)
    assert expected.variance[-1] == pytest.approx(variance, abs=1e-9)


def test_no_fresh_share_at_all_is_replace() -> None:
    fresh, replace = oracles.expect_fresh(N, 0.0, ROUNDS), oracles.expect_replace(N, ROUNDS)
    assert np.allclose(fresh.variance, replace.variance)
    assert np.allclose(fresh.mean_squared, replace.mean_squared)


def test_accumulate_loses_no_more_than_its_limit() -> None:
    expected = oracles.expect_accumulate(N, 5000)
    limit = np.sin(np.pi / np.sqrt(N)) / (np.pi / np.sqrt(N))
    assert expected.variance[-1] == pytest.approx(limit, rel=1e-5)
    assert expected.variance[-1] > limit
    assert expected.mean_squared[-1] < np.pi**2 / (6 * N)


@pytest.mark.parametrize("share", [0.123, 1.5, -0.1])
def test_a_share_that_is_no_whole_number_of_items_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="is not a whole number from 0 to"):
        oracles.expect_fresh(N, share, ROUNDS)
