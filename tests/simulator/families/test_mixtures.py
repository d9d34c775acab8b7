import numpy as np
import pytest
from scipy import integrate, stats

from simulator.families.mixtures import Mixture, l2_squared, w2_squared
from simulator.randomness import generator


def mixture(seed: int = 0, chains: int = 3, components: int = 4, d: int = 2) -> Mixture:
    rng = generator(seed, "a mixture")
    weights = rng.dirichlet(np.ones(components), chains)
    roots = rng.standard_normal((chains, components, d, d))
    return Mixture(weights, 3 * rng.standard_normal((chains, components, d)), roots @ np.swapaxes(roots, 2, 3))


def gaussian(mean: list[float], *variances: float) -> Mixture:
    return Mixture(np.ones((1, 1)), np.array(mean, float).reshape(1, 1, -1), np.diag(variances)[np.newaxis, np.newaxis])


def test_the_density_is_the_weighted_sum_of_the_components_densities() -> None:
    model, points = mixture(), generator(1, "points").standard_normal((7, 2))
    for chain in range(3):
        parts = zip(model.weights[chain], model.means[chain], model.covariances[chain], strict=True)
        density = sum(w * stats.multivariate_normal(m, c).pdf(points) for w, m, c in parts)
        assert np.allclose(np.exp(model.log_density(points)[:, chain]), density)


def test_samples_have_the_mixtures_moments_in_each_chain() -> None:
    model, n = mixture(), 200_000
    sampled = model.sample(n, generator(2, "sample"))
    mean, covariance = model.moments()
    for chain in range(3):
        worst = np.sqrt(np.abs(covariance[chain]).max())
        assert np.allclose(sampled[:, chain].mean(axis=0), mean[chain], atol=5 * worst / np.sqrt(n))
        assert np.allclose(np.cov(sampled[:, chain].T), covariance[chain], atol=5 * worst**2 * np.sqrt(3 / n))


def test_components_are_drawn_by_their_weights() -> None:
    apart = Mixture(np.array([[0.2, 0.5, 0.3]]), np.array([[[0.0], [10.0], [20.0]]]), np.full((1, 3, 1, 1), 0.01))
    drawn = apart.sample(30_000, generator(3, "sample"))[:, 0, 0]
    counts = np.histogram(drawn, bins=[-5, 5, 15, 25])[0]
    assert stats.chisquare(counts, 30_000 * apart.weights[0]).pvalue > 0.001


def test_the_l2_distance_is_the_integral_of_the_squared_difference() -> None:
    a, b = mixture(4, chains=1, d=1), mixture(5, chains=1, d=1)
    line = np.linspace(-60, 60, 240_001)[:, np.newaxis]
    difference = np.exp(a.log_density(line)[:, 0]) - np.exp(b.log_density(line)[:, 0])
    assert l2_squared(a, b)[0] == pytest.approx(integrate.trapezoid(difference**2, line[:, 0]), rel=1e-6)


def test_a_mixture_is_at_no_distance_from_itself() -> None:
    assert np.allclose(l2_squared(mixture(), mixture()), 0)
    assert np.allclose(w2_squared(mixture(), mixture()), 0, atol=1e-9)


def test_one_truth_is_compared_with_every_chain() -> None:
    truth = mixture(6, chains=1)
    for distance in (l2_squared, w2_squared):
        alone = [distance(Mixture(*(part[[c]] for part in vars(mixture()).values())), truth)[0] for c in range(3)]
        assert np.allclose(distance(mixture(), truth), alone)


def test_the_wasserstein_distance_of_gaussians_is_that_of_their_means_and_deviations() -> None:
    assert w2_squared(gaussian([1.0], 4.0), gaussian([3.0], 9.0)) == pytest.approx([4.0 + 1.0])
    assert w2_squared(gaussian([0, 0], 4.0, 1.0), gaussian([0, 3], 1.0, 25.0)) == pytest.approx([9.0 + 1.0 + 16.0])


def test_a_gaussian_without_width_can_be_drawn_from_and_compared() -> None:
    point, wide = gaussian([2.0, 1.0], 0.0, 0.0), gaussian([2.0, 1.0], 1.0, 4.0)
    assert np.array_equal(point.sample(3, generator(7, "sample")), np.tile([2.0, 1.0], (3, 1, 1)))
    assert w2_squared(point, wide) == pytest.approx([5.0])
    assert np.isfinite(point.log_density(np.zeros((1, 2)))).all()


def test_a_component_of_no_weight_adds_nothing() -> None:
    with_it = Mixture(np.array([[1.0, 0.0]]), np.array([[[0.0], [5.0]]]), np.ones((1, 2, 1, 1)))
    points = np.array([[0.0], [5.0]])
    assert np.allclose(with_it.log_density(points), gaussian([0.0], 1.0).log_density(points))
    assert with_it.sample(1000, generator(8, "sample")).max() < 5


def test_a_sample_of_zero_items_is_empty() -> None:
    point = Mixture(np.ones((3, 1)), np.zeros((3, 1, 2)), np.eye(2)[np.newaxis, np.newaxis].repeat(3, axis=0))
    assert point.sample(0, np.random.default_rng(0)).shape == (0, 3, 2)
