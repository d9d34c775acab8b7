from typing import Any

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from simulator.data.corpora import Blobs, Digits
from simulator.families import em, kmeans
from simulator.families.base import Floats, Items
from simulator.families.gmm import GMM
from simulator.families.mixtures import Mixture
from simulator.randomness import generator


def digits(n: int = 1000, chains: int = 1, seed: int = 0) -> Items:
    """n human digits for each chain, other ones for each: `[n, C, 16]`."""
    pool = Digits().pool(1, seed)[:, 0]
    rng = generator(seed, "which digits")
    return np.stack([pool[rng.permutation(len(pool))[:n]] for _ in range(chains)], axis=1)


def batch(items: Items) -> Tensor:
    """Items as centred points of torch, `[B, n, d]`."""
    points = torch.from_numpy(np.ascontiguousarray(items.transpose(1, 0, 2)))
    return points - points.mean(dim=1, keepdim=True)


def starts(points: Tensor, components: int, seed: int = 0) -> Tensor:
    uniforms = generator(seed, "starts").random((len(points), components, kmeans.CANDIDATES))
    return kmeans.memberships(points, torch.from_numpy(uniforms))


def rules(**changes: Any) -> em.FitRules:
    return em.FitRules(1e-3, 100, 1e-6, diagonal=False)._replace(**changes)


def score(fitted: Mixture, items: Items) -> Floats:
    """Mean log-likelihood of each chain's items under its own model."""
    means = [fitted.log_density(items[:, chain])[:, chain].mean() for chain in range(items.shape[1])]
    return np.array(means)


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs"), [("full", "full"), ("diagonal", "diag")])
@pytest.mark.parametrize("iterations", [1, 4, 15])
def test_from_the_same_start_it_climbs_step_by_step_as_scikit_learn_does(
    ours: str, theirs: str, iterations: int
) -> None:
    points = batch(digits())
    settings = rules(diagonal=ours == "diagonal", tolerance=0.0)
    start = em.maximization(em.features(points), starts(points, 10), 16, settings)
    precisions = torch.linalg.inv(start.covariances[0])
    sklearn = GaussianMixture(
        10,
        covariance_type=theirs,
        tol=1e-12,
        max_iter=iterations,
        weights_init=start.weights[0].numpy(),
        means_init=start.means[0].numpy(),
        precisions_init=(precisions if ours == "full" else precisions.diagonal(dim1=1, dim2=2)).numpy(),
    )
    with pytest.warns(UserWarning, match="did not converge"):
        sklearn.fit(points[0].numpy())
    parameters, likelihood = em.maximize(points, starts(points, 10), settings._replace(max_iterations=iterations))
    assert likelihood.item() == pytest.approx(sklearn.lower_bound_, abs=1e-8)
    fitted = Mixture(*(part.numpy() for part in parameters))
    assert score(fitted, points.numpy().transpose(1, 0, 2))[0] == pytest.approx(sklearn.score(points[0]), abs=1e-8)


@pytest.mark.slow
def test_from_its_own_starts_it_is_as_likely_as_scikit_learn_on_average() -> None:
    items = digits()
    ours = [score(GMM().fit(items, generator(seed, "fit")), items)[0] for seed in range(20)]
    theirs = [GaussianMixture(10, random_state=seed).fit(items[:, 0]).score(items[:, 0]) for seed in range(20)]
    error = np.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / 20)
    print(f"mean log-likelihood {np.mean(ours):.3f}, scikit-learn's {np.mean(theirs):.3f}, ± {error:.3f}")
    assert error < 0.05
    assert np.mean(ours) > np.mean(theirs) - 3 * error


def test_no_iteration_lowers_the_likelihood() -> None:
    points = batch(digits(chains=3))
    phi, settings = em.features(points), rules(regularization=0.0)
    parameters, climbed = em.maximization(phi, starts(points, 5), 16, settings), []
    for _ in range(20):
        likelihood, memberships = em.expectation(phi, parameters)
        climbed.append(likelihood)
        parameters = em.maximization(phi, memberships, 16, settings)
    assert (torch.diff(torch.stack(climbed), dim=0) > -1e-9).all()


def test_memberships_sum_to_one() -> None:
    points = batch(digits(chains=2))
    phi = em.features(points)
    _, memberships = em.expectation(phi, em.maximization(phi, starts(points, 5), 16, rules()))
    assert torch.allclose(memberships.sum(dim=1), torch.ones(2, 1000, dtype=torch.float64))


@pytest.mark.slow
def test_a_chain_in_a_batch_is_fitted_as_it_would_be_alone() -> None:
    points = batch(digits(n=300, chains=11))
    start = starts(points, 4)
    together, likelihood = em.maximize(points, start, rules())
    for chain in range(11):
        alone, own = em.maximize(points[[chain]], start[[chain]], rules())
        assert likelihood[chain].item() == pytest.approx(own.item(), abs=1e-9)
        assert torch.allclose(together.means[chain], alone.means[0], atol=1e-6)
        assert torch.allclose(together.covariances[chain], alone.covariances[0], atol=1e-6)


def test_more_chains_than_a_chunk_holds_are_all_fitted() -> None:
    items = Blobs(n=400, radius=8.0).pool(19, seed=3)
    fitted = GMM(components=3).fit(items, generator(3, "fit"))
    radii = np.sort(np.linalg.norm(fitted.means, axis=2), axis=1)
    assert radii.shape == (19, 3)
    assert np.abs(radii - 8).max() < 0.5


def test_a_mixture_finds_the_truth_that_it_was_drawn_from() -> None:
    corpus = Blobs(n=20_000, blobs=3, radius=6.0)
    items = corpus.pool(2, seed=1)
    fitted = GMM(components=3, tolerance=1e-6).fit(items, generator(1, "fit"))
    assert np.allclose(score(fitted, items), [corpus.truth.log_density(items[:, c]).mean() for c in (0, 1)], atol=2e-3)
    assert np.allclose(fitted.weights, 1 / 3, atol=0.02)


@pytest.mark.slow
def test_more_starts_never_end_lower() -> None:
    items = digits(n=400, chains=3)
    single = GMM(restarts=1).fit(items, generator(5, "fit"))
    # The first start draws the same numbers, so it is among the four.
    four = GMM(restarts=4).fit(items, generator(5, "fit"))
    assert (score(four, items) >= score(single, items) - 1e-3).all()
    assert (score(four, items) > score(single, items) + 1e-3).any()


def test_the_same_stream_gives_the_same_bits() -> None:
    items = digits(n=300, chains=2)
    first, again = (GMM().fit(items, generator(9, "fit")) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(vars(first).values(), vars(again).values(), strict=True))


def test_diagonal_components_have_no_covariances() -> None:
    fitted = GMM(components=3, covariance="diagonal").fit(digits(n=300), generator(1, "fit"))
    assert np.array_equal(fitted.covariances, fitted.covariances * np.eye(16))


def one_outlier() -> Items:
    items = generator(2, "one outlier").standard_normal((100, 1, 2))
    items[0] = 1e4
    return items


DEGENERATE = {
    "all items are the same": np.full((50, 2, 3), 7.0),
    "fewer items than components": generator(1, "few").standard_normal((4, 2, 3)),
    "one item": np.full((1, 1, 2), 3.0),
    "one item far away from all": one_outlier(),
    "two values only": np.repeat([[0.0, 0.0], [1.0, 1.0]], 50, axis=0)[:, np.newaxis],
    "far from the origin": 1e6 + generator(3, "far").standard_normal((200, 1, 2)),
    "of great scale in a plane": 1e6 * generator(4, "plane").standard_normal((200, 1, 1)) * np.array([1.0, 2.0]),
}


@pytest.mark.slow
@pytest.mark.parametrize("regularization", [1e-6, 0.0])
@pytest.mark.parametrize("items", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_degenerate_items_can_be_fitted(items: Items, regularization: float) -> None:
    fitted = GMM(components=5, regularization=regularization).fit(items, generator(1, "fit"))
    sampled = fitted.sample(20, generator(1, "sample"))
    assert np.isfinite(sampled).all()
    assert np.allclose(fitted.weights.sum(axis=1), 1)
    assert np.isfinite(fitted.log_density(items[:, 0])).all()
    low, high = items.min(), items.max()
    width = max(high - low, 0.01)
    assert low - 5 * width < sampled.min() <= sampled.max() < high + 5 * width


def test_items_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        GMM().fit(np.array([[[1.0]], [[np.nan]]]), generator(1, "fit"))


@pytest.mark.parametrize("settings", [{"components": 0}, {"restarts": 0}, {"max_iterations": 0}], ids=str)
def test_impossible_settings_are_refused_before_anything_runs(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        GMM(**settings)


def test_the_first_centres_are_points_and_differ_where_points_do() -> None:
    points = batch(digits(n=200, chains=3))
    uniforms = torch.from_numpy(generator(1, "centres").random((3, 8, kmeans.CANDIDATES)))
    centres = kmeans.plus_plus(points.transpose(1, 2).contiguous(), uniforms)
    for chain in range(3):
        rows = (centres[chain].unsqueeze(1) == points[chain]).all(dim=2).nonzero()[:, 1]
        assert len(set(rows.tolist())) == 8


def test_a_start_belongs_to_one_cluster_even_where_centres_are_equal() -> None:
    """All points equal, so all centres too: each point belongs to the first."""
    start = kmeans.memberships(torch.ones((2, 50, 3), dtype=torch.float64), torch.rand((2, 4, kmeans.CANDIDATES)))

    assert torch.equal(start.sum(dim=1), torch.ones((2, 50), dtype=torch.float64))
    assert bool((start[:, 0] == 1).all())


@pytest.mark.slow
@pytest.mark.parametrize("order", ["one after the other", "in turn", "at random"])
def test_a_start_from_some_of_the_points_finds_all_blobs_in_whatever_order_they_lie(order: str) -> None:
    """Ten blobs of a thousand: k-means looks at a thousand of all, and the fit is as likely as scikit-learn's."""
    rng = np.random.default_rng(0)
    blobs = {
        "one after the other": np.repeat(np.arange(10), 1_000),
        "in turn": np.tile(np.arange(10), 1_000),
        "at random": rng.permutation(np.repeat(np.arange(10), 1_000)),
    }[order]
    points = 10.0 * np.stack([blobs, blobs % 3], axis=1) + rng.standard_normal((10_000, 2))

    fitted = GMM(10).fit(points[:, np.newaxis], rng)

    theirs = GaussianMixture(10, random_state=0).fit(points).score(points)
    assert score(fitted, points[:, np.newaxis]) > theirs - 0.05
