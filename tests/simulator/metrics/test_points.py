from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from simulator.data.corpora import Blobs, Corpus, Digits, Labelled, Normal
from simulator.families.base import Density, Family, Floats, Items, Points
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.metrics import points
from simulator.metrics.definitions import BY_NAME
from simulator.metrics.neighbours import nearest, share_within, squared_distances
from simulator.metrics.points import classes_covered, measure, measure_mix, sampled_w2_squared
from simulator.randomness import generator
from simulator.runs.contents import Contents


def normals(n: int, chains: int = 1, d: int = 1, purpose: str = "normals") -> Floats:
    return generator(1, purpose).standard_normal((n, chains, d))


def collapse(corpus: Corpus, family: Family, n: int, rounds: int, *, replace: bool) -> list[dict[str, Floats]]:
    """The metrics of each generation, trained on the last one's items or else on human ones, without a registry."""
    pool, measured = corpus.pool(1, seed=0), []
    items: Items | None = None
    for round_ in range(1, rounds + 1):
        rng = generator(0, "a generation", round_)
        if items is None or not replace:
            items = pool[rng.permutation(len(pool))[:n]]
        fitted = family.fit(items, rng)
        items = fitted.sample(n, rng)
        measured.append(measure(corpus, fitted, items))
    return measured


@pytest.mark.parametrize(
    ("corpus", "family", "applies"),
    [
        (Normal(n=200), Gaussian(), "mean mean_error variance w2_squared l2_squared"),
        (Normal(n=200), GMM(components=2), "mean mean_error variance w2_squared l2_squared"),
        (Blobs(n=200), GMM(components=3), "mean_error variance w2_squared l2_squared"),
        (Digits(), GMM(), "variance held_out_nll recall precision frechet classes"),
    ],
    ids=["a Gaussian on a normal", "a mixture on a normal", "a mixture on blobs", "a mixture on digits"],
)
def test_every_metric_that_applies_is_measured_of_each_chain_and_no_other(
    corpus: Corpus, family: Family, applies: str
) -> None:
    fitted = family.fit(corpus.pool(2, seed=1), generator(1, "fit"))
    measured = measure(corpus, fitted, fitted.sample(150, generator(1, "sample")))
    assert set(measured) == set(applies.split()) <= set(BY_NAME)
    assert all(values.shape == (2,) and np.isfinite(values).all() for values in measured.values())


def test_human_data_are_measured_without_a_model() -> None:
    human = measure(Normal(), None, Normal(n=400).pool(3, seed=1))
    assert set(human) == {"mean", "mean_error", "variance", "w2_squared"}
    digits = Digits()
    measured = measure(digits, None, digits.pool(1, seed=1)[:500])
    assert set(measured) == {"variance", "recall", "precision", "frechet", "classes"} <= set(BY_NAME)


def test_a_mix_is_measured_by_what_its_items_truly_are_as_often_as_they_were_trained_on(tmp_path: Path) -> None:
    contents = Contents(tmp_path, "run")
    human, made = contents.put("human", 0, normals(4)), contents.put("model", 1, normals(4, purpose="made"))
    repeated = np.concatenate([human[:1], made, human[:1], human[:1], human[:1], human[1:3]])
    assert measure_mix(contents, repeated) == {"true_human_share": [0.6]}
    assert set(measure_mix(contents, human)) <= set(BY_NAME)


class Shuffle:
    """A family of a user's own that knows no density: it hands out again what it was given."""

    def fit(self, items: Items, rng: np.random.Generator) -> "Shuffled":
        return Shuffled(items)


class Shuffled:
    """What it fitted: the items themselves."""

    def __init__(self, items: Items) -> None:
        self.items = items

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        drawn: Items = self.items[rng.integers(0, len(self.items), n)]
        return drawn


def test_a_family_without_a_density_is_measured_by_its_items() -> None:
    digits = Digits()
    fitted = Shuffle().fit(digits.pool(1, seed=1), generator(1, "fit"))
    items = fitted.sample(500, generator(1, "sample"))
    measured = measure(digits, fitted, items)
    assert not isinstance(fitted, Density)
    assert "held_out_nll" not in measured
    assert measured["variance"] == pytest.approx(items[:, 0].var(axis=0).sum())


def test_the_moments_are_the_models_where_it_has_them_and_else_the_items() -> None:
    corpus, items = Normal(mean=1.0, std=2.0), normals(500, chains=2)
    fitted = Gaussian().fit(3 * items, generator(1, "fit"))
    of_model, of_items = measure(corpus, fitted, items), measure(corpus, None, items)
    for measured, values in ((of_model, 3 * items), (of_items, items)):
        mean, std = values.mean(axis=0)[:, 0], values.std(axis=0)[:, 0]
        assert np.allclose(measured["mean"], mean)
        assert np.allclose(measured["variance"], std**2)
        assert np.allclose(measured["mean_error"], (mean - 1) ** 2)
        assert np.allclose(measured["w2_squared"], (mean - 1) ** 2 + (std - 2) ** 2)


def test_held_out_likelihood_is_that_of_the_fitted_density() -> None:
    digits = Digits(components=3)
    fitted = Gaussian().fit(digits.pool(1, seed=1), generator(1, "fit"))
    law = stats.multivariate_normal(fitted.means[0, 0], fitted.covariances[0, 0])
    measured = measure(digits, fitted, fitted.sample(50, generator(1, "sample")))
    assert measured["held_out_nll"] == pytest.approx(-law.logpdf(digits.held_out).mean())


class Halves:
    """A model whose codes are halves of its items, and whose bound is known."""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        raise AssertionError("nothing is drawn from it")

    def encode(self, items: Items) -> Floats:
        codes: Floats = items / 2
        return codes

    def negative_elbo(self, values: Points) -> Floats:
        return np.stack([values.sum(axis=1), 2 * values.sum(axis=1)], axis=1)


def test_codes_are_measured_by_the_first_models_encoder_and_not_by_the_models_own() -> None:
    digits, items = Digits(components=3), normals(300, chains=2, d=3)
    measured = measure(digits, None, items, reference=Halves())
    assert np.allclose(measured["latent_std"], items.std(axis=0).mean(axis=1) / 2)
    assert np.allclose(measured["latent_mean"], items.mean(axis=(0, 2)) / 2)
    assert not {"latent_std", "latent_mean"} & set(measure(digits, Halves(), items))


def test_the_bound_is_that_of_the_human_data_kept_aside() -> None:
    digits = Digits(components=3)
    total = digits.held_out.sum(axis=1).mean()
    assert np.allclose(measure(digits, Halves(), normals(20, d=3))["held_out_elbo"], [total, 2 * total])


def test_only_so_many_items_are_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time and memory grow with their square: of 60,000 images the distances alone are 29 GB."""
    monkeypatch.setattr(points, "COMPARED", 100)
    digits = Digits()
    pool = digits.pool(1, seed=1)
    few, many = measure(digits, None, pool[:100]), measure(digits, None, pool)
    assert all(few[name] == many[name] for name in ("recall", "precision", "classes"))
    assert few["variance"] != many["variance"]


def test_the_manifold_is_that_of_the_papers_definition() -> None:
    support, others = normals(120, d=4)[:, 0], 1.5 * normals(80, d=4, purpose="points")[:, 0]
    reach = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(support).kneighbors(support)[0][:, 3]
    distances = np.linalg.norm(others[:, np.newaxis] - support, axis=2)
    assert share_within(others, support, 3) == (distances <= reach).any(axis=1).mean()


def test_items_of_one_cluster_of_two_have_precision_and_half_the_recall() -> None:
    here, there = normals(200, d=2)[:, 0], normals(200, d=2, purpose="there")[:, 0] + 100
    human = np.concatenate([here, there])
    assert share_within(here + 1e-6, human, 3) == 1
    assert share_within(human, here, 3) == 0.5


def test_a_manifold_without_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="with 3 neighbours need more than 3 points"):
        share_within(np.zeros((5, 1)), np.zeros((3, 1)), 3)


def test_distances_do_not_suffer_from_an_origin_far_away() -> None:
    a, b = normals(50, d=3)[:, 0], normals(60, d=3, purpose="b")[:, 0]
    expected = ((a[:, np.newaxis] - b) ** 2).sum(axis=2)
    assert np.allclose(squared_distances(a + 1e6, b + 1e6), expected, rtol=1e-6)


def test_the_frechet_distance_of_a_shift_is_its_square() -> None:
    digits = Digits(components=4)
    human = digits.held_out[:, np.newaxis]
    assert measure(digits, None, human)["frechet"] == pytest.approx([0.0], abs=1e-6)
    assert measure(digits, None, human + 2.0)["frechet"] == pytest.approx([16.0])


def test_the_sampled_wasserstein_distance_sorts_in_one_dimension() -> None:
    a, b = normals(100)[:, 0], 2 + 3 * normals(100, purpose="b")[:, 0]
    assert sampled_w2_squared(a, b) == pytest.approx(((np.sort(a[:, 0]) - np.sort(b[:, 0])) ** 2).mean())


def test_the_sampled_wasserstein_distance_notices_a_lost_blob() -> None:
    corpus = Blobs(n=1000)
    pool = corpus.pool(1, seed=1)
    kept = pool[pool[:, 0, 0] < 2.0][:500]  # the blob at (4, 0) is gone
    whole, lost = (measure(corpus, None, items)["w2_squared"][0] for items in (pool[:500], kept))
    assert lost > 10 * whole


def test_the_nearest_human_digit_says_which_digit_it_is() -> None:
    handwritten, labels = Digits().labelled
    half = len(handwritten) // 2
    right = labels[:half][nearest(handwritten[half:], handwritten[:half])] == labels[half:]
    assert right.mean() > 0.95


def test_a_class_with_less_than_half_its_share_is_not_covered() -> None:
    human = Labelled(np.array([[0.0], [10.0], [20.0]]), np.arange(3))
    of = np.repeat([[0.0], [10.0], [20.0]], [420, 420, 160], axis=0)
    assert classes_covered(of, human) == 2
    assert classes_covered(np.repeat([[0.0], [10.0], [20.0]], [415, 415, 170], axis=0), human) == 3


def test_digits_without_their_threes_cover_nine_classes() -> None:
    digits = Digits()
    labels = digits.labelled.labels
    pool = digits.pool(1, seed=1)
    assert measure(digits, None, pool)["classes"] == [10]
    assert measure(digits, None, pool[labels != 3])["classes"] == [9]


@pytest.mark.slow
def test_training_on_the_last_generation_alone_forgets_the_tails_of_the_digits() -> None:
    replaced = collapse(Digits(), GMM(), 1000, rounds=5, replace=True)
    human = collapse(Digits(), GMM(), 1000, rounds=5, replace=False)
    assert replaced[-1]["held_out_nll"][0] > human[-1]["held_out_nll"][0] + 3
    assert replaced[-1]["recall"][0] < human[-1]["recall"][0] - 0.05
    losses = [measured["held_out_nll"][0] for measured in replaced]
    assert losses == sorted(losses)
