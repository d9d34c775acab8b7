from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from simulator.config import encode
from simulator.data.corpora import Blobs, Corpus, Digits, Normal

DRAWN = [
    Normal(n=20_000, mean=3.0, std=2.0),
    Normal(n=20_000, mean=3.0, std=2.0, dimensions=2),
    Blobs(n=20_000, blobs=3, radius=4.0, std=0.5),
]
CORPORA = [Normal(), Blobs(), Digits()]


@pytest.mark.parametrize("corpus", DRAWN, ids=repr)
def test_human_items_are_draws_of_the_known_truth(corpus: Normal | Blobs) -> None:
    mean, covariance = corpus.truth.moments()
    d = mean.shape[1]
    points = corpus.pool(1, seed=1)[:, 0]
    error = np.sqrt(np.diag(covariance[0]) / len(points))
    assert (np.abs(points.mean(axis=0) - mean[0]) < 4 * error).all()
    # The standard error of a variance is at most √2 of it over √n, and blobs on a circle have lighter tails than that.
    assert np.abs(np.cov(points.T).reshape(d, d) - covariance[0]).max() < 4 * covariance.max() * np.sqrt(
        2 / len(points)
    )


def test_normal_data_of_several_dimensions_are_alike_along_each_axis_and_measured_as_such() -> None:
    corpus = Normal(n=10, mean=3.0, std=2.0, dimensions=2)
    assert corpus.pool(4, seed=0).shape == (10, 4, 2)
    assert corpus.truth.moments()[1][0].tolist() == [[4, 0], [0, 4]]
    assert corpus.digest() != Normal(n=10, mean=3.0, std=2.0).digest()
    assert "dimensions" not in encode(Normal())


@pytest.mark.parametrize("corpus", [Normal(n=50), Blobs(n=50)], ids=repr)
def test_every_chain_seed_and_round_has_human_items_of_its_own(corpus: Corpus) -> None:
    pool = corpus.pool(2, seed=1)
    draws = [pool[:, 0], pool[:, 1], corpus.pool(1, seed=2)[:, 0]]
    draws += [corpus.fresh(50, 1, seed=1, round=round_)[:, 0] for round_ in (0, 1)]
    assert all(draw.shape == draws[0].shape for draw in draws)
    assert len(np.unique(np.concatenate(draws), axis=0)) == 250


@pytest.mark.parametrize("corpus", CORPORA, ids=repr)
def test_the_same_seed_gives_the_same_human_items_again(corpus: Corpus) -> None:
    assert np.array_equal(corpus.pool(2, seed=5), corpus.pool(2, seed=5))


@pytest.mark.parametrize(
    ("corpus", "digest"),
    [
        (Normal(), "sha256:5ccca58c7f5602989fdbb0dcb4f565a750e2b56b10f927edfa63a52ce832dff7"),
        (Blobs(), "sha256:7331ad4b6d8521f2e3b2796fff897c61e814ef41e37a4a554ca7ca3580c84c5f"),
        (Digits(), "sha256:8545499b83a73bc808936751322983534b87e7bd9f1f8e96c0fca2aa492b8962"),
    ],
    ids=repr,
)
def test_the_digest_of_the_data_is_the_same_on_every_machine(corpus: Corpus, digest: str) -> None:
    assert corpus.digest() == digest


def test_the_digest_of_a_law_tells_laws_apart_and_not_how_much_was_drawn() -> None:
    assert Normal(std=2.0).digest() != Normal().digest()
    assert Normal(n=10).digest() == Normal().digest()


def test_the_digits_are_split_once_and_for_all() -> None:
    digits = Digits()
    assert digits.pool(1, seed=1).shape == (1397, 1, 16)
    assert digits.held_out.shape == (400, 16)
    assert np.array_equal(digits.pool(1, seed=1), digits.pool(1, seed=2))
    assert np.bincount(digits.labelled.labels).tolist() == [140, 147, 136, 137, 134, 138, 141, 145, 139, 140]


def test_every_chain_has_the_same_digits() -> None:
    pool = Digits().pool(3, seed=1)
    assert np.array_equal(pool[:, 0], pool[:, 2])


def test_no_digit_kept_aside_is_in_the_pool() -> None:
    whole = Digits(components=64)
    everything = np.concatenate([whole.pool(1, seed=1)[:, 0], whole.held_out])
    assert len(np.unique(everything.round(9), axis=0)) == 1797


def test_the_principal_components_are_those_of_the_pool_alone() -> None:
    digits = Digits()
    pool = digits.pool(1, seed=1)[:, 0]
    covariance = np.cov(pool.T)
    assert np.allclose(pool.mean(axis=0), 0)
    assert np.allclose(covariance, np.diag(np.diag(covariance)))
    assert (np.diff(np.diag(covariance)) < 0).all()
    assert not np.allclose(digits.held_out.mean(axis=0), 0, atol=1e-3)


def test_with_all_components_the_pictures_are_the_scanned_digits() -> None:
    whole = Digits(components=64)
    pictures = whole.images(whole.pool(2, seed=1))
    scanned = {image.tobytes() for image in load_digits().images.astype(np.uint8)}
    assert pictures.dtype == np.uint8
    assert all(np.rint(picture * (16 / 255)).astype(np.uint8).tobytes() in scanned for picture in pictures)


def test_only_digits_are_pictures() -> None:
    normal: Corpus = Normal()
    assert normal.images(normal.pool(1, seed=1)) is None


def test_there_are_no_fresh_digits_and_the_error_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="only 1,797 digits: set recrawl=true"):
        Digits().fresh(10, 1, seed=1, round=1)


def test_a_crawl_may_find_the_same_digits_again_none_twice_while_they_last() -> None:
    digits = Digits(recrawl=True)
    pool = {point.tobytes() for point in digits.labelled.points}
    crawled = [point.tobytes() for point in digits.fresh(1397, 2, seed=1, round=1)[:, 1]]
    assert set(crawled) == pool
    assert len(set(crawled)) == len({*pool})
    more = Counter(point.tobytes() for point in digits.fresh(3000, 1, seed=1, round=1)[:, 0])
    assert set(more) == pool
    assert Counter(more.values()) == {2: 2 * 1397 + 1397 - 3000, 3: 3000 - 2 * 1397}


def test_each_round_and_seed_crawls_what_is_its_own_and_the_same_again() -> None:
    digits = Digits(recrawl=True)
    draws = [digits.fresh(50, 1, seed, round) for seed, round in ((1, 1), (1, 2), (2, 1))]
    assert np.array_equal(draws[0], digits.fresh(50, 1, seed=1, round=1))
    assert not any(np.array_equal(draws[0], other) for other in draws[1:])


def test_crawling_again_changes_neither_the_digits_nor_the_id_of_a_run_without_it() -> None:
    assert Digits(recrawl=True).digest() == Digits().digest()
    assert "recrawl" not in encode(Digits())


IMPOSSIBLE = [
    (Digits, {"components": 65}),
    (Digits, {"components": 0}),
    (Digits, {"aside": 1797}),
    (Normal, {"n": 0}),
    (Normal, {"std": -1.0}),
    (Blobs, {"blobs": 0}),
]


@pytest.mark.parametrize(("corpus", "settings"), IMPOSSIBLE, ids=repr)
def test_impossible_settings_are_refused_before_anything_runs(
    corpus: Callable[..., Corpus], settings: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        corpus(**settings)
