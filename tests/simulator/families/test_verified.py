"""A verifier's rates of keeping, and what it makes of a model's output."""

import numpy as np
import pytest

from simulator.families.verified import Verified
from simulator.randomness import generator

MANY = 100_000
RNG = generator(0, "a fit needs no randomness")


def margin(share: float, count: float) -> float:
    """Four standard errors of a share."""
    return float(4 * np.sqrt(share * (1 - share) / count))


@pytest.mark.parametrize(("dimensions", "radius"), [(1, 1.6448536), (2, 2.1459660)])
def test_right_items_and_wrong_ones_are_kept_at_their_rates(dimensions: int, radius: float) -> None:
    """Nine tenths of N(0, 1) lie within 1.645 of the mean; in two dimensions, within √(2 ln 10)."""
    items = generator(1, "human").standard_normal((MANY, 1, dimensions))
    kept = Verified(keep_right=0.8, keep_wrong=0.3).keeps(items, generator(1, "verdicts"))
    right = np.linalg.norm(items, axis=2) <= radius
    assert right.mean() == pytest.approx(0.9, abs=margin(0.9, MANY))
    assert kept[right].mean() == pytest.approx(0.8, abs=margin(0.8, 0.9 * MANY))
    assert kept[~right].mean() == pytest.approx(0.3, abs=margin(0.3, 0.1 * MANY))


def test_what_is_right_goes_by_the_human_datas_own_mean_and_spread() -> None:
    items = np.array([4.0, 6.0, 13.2, 13.4]).reshape(-1, 1, 1)
    kept = Verified(mean=10, std=2).keeps(items, RNG)[:, 0]
    assert kept.tolist() == [False, False, True, False]


def test_of_what_is_sampled_so_much_is_right_as_the_rates_leave() -> None:
    """φc / (φc + ψ(1 − c)) of it, where the model is right: c = 0.9, φ = 0.8, ψ = 0.3."""
    exact = np.array([-1.0, 1.0]).reshape(2, 1, 1)  # mean 0 and variance 1: the human distribution
    samples = Verified(keep_right=0.8, keep_wrong=0.3).fit(exact, RNG).sample(MANY, generator(2, "sample"))
    assert samples.shape == (MANY, 1, 1)
    assert (np.abs(samples) <= 1.6448536).mean() == pytest.approx(0.96, abs=margin(0.96, MANY))


def test_a_verifier_that_never_errs_keeps_right_items_alone_and_the_fit_is_measured_without_it() -> None:
    exact = np.array([[-2.0, -1.0], [2.0, 1.0]]).reshape(2, 2, 1)
    fitted = Verified().fit(exact, RNG)
    assert np.abs(fitted.sample(1000, generator(3, "sample"))).max() <= 1.645
    assert fitted.moments()[1].ravel() == pytest.approx([4, 1])


def test_a_verifier_that_keeps_everything_changes_nothing_of_the_law() -> None:
    exact = np.array([-1.0, 1.0]).reshape(2, 1, 1)
    samples = Verified(keep_wrong=1.0).fit(exact, RNG).sample(MANY, generator(4, "sample"))
    assert samples.var() == pytest.approx(1, abs=4 * np.sqrt(2 / MANY))


@pytest.mark.parametrize("rates", [{"keep_right": 1.1}, {"keep_wrong": -0.1}, {"central": 2}], ids=str)
def test_a_rate_that_is_none_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(rates))} is .+: use a number from 0 to 1"):
        Verified(**rates)  # type: ignore[arg-type]
