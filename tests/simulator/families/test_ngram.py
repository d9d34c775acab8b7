"""Unigrams and bigrams, and the survival of words against theory."""

from typing import Any, Literal

import numpy as np
import pytest

from simulator.data.zipf import Zipf
from simulator.families.base import Items, Language, Restores, Storable
from simulator.families.ngram import NGram
from simulator.oracles.words import expect_survivors
from simulator.randomness import generator


def rng(purpose: str = "ngrams") -> np.random.Generator:
    return generator(1, purpose)


def blocks(*texts: list[int]) -> Items:
    """Blocks of one chain, `[n, 1, L]`."""
    return np.array(texts, dtype=np.uint16)[:, np.newaxis]


def test_unigrams_are_drawn_as_often_as_they_were_counted() -> None:
    fitted = NGram(vocabulary=4).fit(blocks([0, 0, 0, 2, 3]), rng())
    made = fitted.sample(4_000, rng())
    assert made.shape == (4_000, 1, 5)
    assert made.dtype == np.uint16
    assert np.bincount(made.ravel(), minlength=4) / 20_000 == pytest.approx([0.6, 0, 0.2, 0.2], abs=0.02)


def test_every_chain_draws_from_its_own_counts() -> None:
    items = np.stack([np.full((6, 2), 3), np.full((6, 2), 0), np.full((6, 2), 7)], axis=1).astype(np.uint16)
    made = NGram(vocabulary=8).fit(items, rng()).sample(50, rng())
    assert [np.unique(made[:, chain]).tolist() for chain in range(3)] == [[3], [0], [7]]


@pytest.mark.parametrize("order", [1, 2])
def test_chains_draw_independently_of_each_other(order: Literal[1, 2]) -> None:
    """Else the standard error over chains would say nothing."""
    items = np.repeat(rng().integers(0, 2, (500, 1, 2)), 2, axis=1).astype(np.uint16)
    made = NGram(order, vocabulary=2).fit(items, rng()).sample(4_000, rng())[:, :, 1]
    assert abs(np.corrcoef(made[:, 0], made[:, 1])[0, 1]) < 0.07


def test_bigrams_follow_the_token_before_as_often_as_it_was_seen() -> None:
    fitted = NGram(order=2, vocabulary=3).fit(blocks([0, 1, 0, 1], [0, 1, 0, 2]), rng())
    made = fitted.sample(4_000, rng())[:, 0]
    after_0 = made[:, 1:][made[:, :-1] == 0]
    assert np.bincount(after_0, minlength=3) / len(after_0) == pytest.approx([0, 0.75, 0.25], abs=0.03)
    assert set(made[:, 1:][made[:, :-1] == 1]) == {0}


def test_after_a_token_that_nothing_followed_a_bigram_model_draws_any() -> None:
    made = NGram(order=2, vocabulary=3).fit(blocks([0, 0, 2]), rng()).sample(2_000, rng())[:, 0]
    after_2 = made[:, 1:][made[:, :-1] == 2]
    assert np.bincount(after_2) / len(after_2) == pytest.approx([2 / 3, 0, 1 / 3], abs=0.05)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_what_is_drawn_has_the_probabilities_that_the_losses_say(order: Literal[1, 2], alpha: float) -> None:
    fitted = NGram(order, alpha, vocabulary=3).fit(blocks([0, 1, 1], [0, 1, 2], [2, 0, 0]), rng())
    made = fitted.sample(30_000, rng())[:, 0]
    for before in range(3):
        after = made[:, 1][made[:, 0] == before]
        pairs = blocks(*([before, token] for token in range(3)))
        stated = np.exp(-fitted.losses(pairs)[:, 0, 0])
        assert stated.sum() == pytest.approx(1)
        assert np.bincount(after, minlength=3) / len(after) == pytest.approx(stated, abs=0.025)


def test_add_alpha_smoothing_is_the_formula() -> None:
    fitted = NGram(2, alpha=0.5, vocabulary=3).fit(blocks([0, 1, 1], [0, 1, 2]), rng())
    assert np.exp(-fitted.losses(blocks([0, 1], [1, 0]))[:, 0, 0]) == pytest.approx([2.5 / 3.5, 0.5 / 3.5])


def test_without_smoothing_what_was_never_seen_is_impossible() -> None:
    fitted = NGram(vocabulary=3).fit(blocks([0, 1]), rng())
    assert fitted.losses(blocks([0, 2]))[0, 0, 0] == np.inf


@pytest.mark.parametrize("order", [1, 2])
def test_a_restored_model_has_the_same_losses(order: Literal[1, 2]) -> None:
    items = rng().integers(0, 9, (20, 3, 5)).astype(np.uint16)
    family = NGram(order, alpha=0.1, vocabulary=9)
    fitted = family.fit(items, rng())
    assert isinstance(family, Restores)
    assert isinstance(fitted, Storable)
    again = family.restore(fitted.arrays())
    assert isinstance(again, Language)
    assert np.array_equal(again.losses(items), fitted.losses(items))
    assert np.array_equal(again.sample(7, rng()), fitted.sample(7, rng()))


def test_tokens_out_of_the_vocabulary_are_refused_with_the_setting_that_helps() -> None:
    with pytest.raises(ValueError, match="vocabulary=6 or more"):
        NGram(vocabulary=5).fit(blocks([0, 5]), rng())
    with pytest.raises(ValueError, match="vocabulary=6 or more"):
        NGram(vocabulary=5).fit(blocks([0, 4]), rng()).losses(blocks([0, 5]))


@pytest.mark.parametrize("settings", [{"alpha": -1.0}, {"vocabulary": 0}], ids=str)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        NGram(**settings)


def test_words_are_as_frequent_as_zipf_says() -> None:
    corpus = Zipf(n=50_000, words=5, exponent=1.0)
    shares = np.bincount(corpus.pool(1, seed=1).ravel(), minlength=5) / 50_000
    assert shares == pytest.approx(np.array([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]) / (137 / 60), abs=0.01)
    assert Zipf(words=4, exponent=0).probabilities == pytest.approx([0.25] * 4)


def test_every_chain_seed_and_round_has_words_of_its_own() -> None:
    corpus = Zipf(n=40)
    pool = corpus.pool(2, seed=1)
    draws = [pool[:, 0], pool[:, 1], corpus.pool(1, 2)[:, 0], corpus.fresh(40, 1, 1, 1)[:, 0]]
    assert len({draw.tobytes() for draw in draws}) == 4
    assert np.array_equal(pool, corpus.pool(2, seed=1))


def test_the_digest_of_a_law_of_words_depends_on_its_settings_and_not_on_n() -> None:
    assert Zipf(n=5).digest() == Zipf(n=6).digest() != Zipf(words=999).digest()
    with pytest.raises(ValueError, match="words is 0: use a number from 1 to 65,536"):
        Zipf(words=0)


def test_the_bound_on_surviving_words_by_hand() -> None:
    """Two words of probability 1/2 and n = 2: g = 1, then 1 − 1/e; each word survives with 1 − exp(−g)."""
    g = 1 - np.exp(-1)
    assert expect_survivors(np.array([0.5, 0.5]), 2, 2) == pytest.approx([2 * g, 2 * (1 - np.exp(-g))])


@pytest.mark.slow
def test_words_die_out_no_faster_than_suresh_et_al_prove_and_hardly_slower() -> None:
    """Unigrams refitted to their own text: mean survivors over chains, against the bound, which is nearly exact."""
    corpus, chains, rounds = Zipf(n=300, words=1000), 1_500, 8
    items, family = corpus.pool(chains, seed=3), NGram(vocabulary=1000)
    survivors = [corpus.measure(None, items, None)["unique"]]
    for round_ in range(1, rounds):
        items = family.fit(items, rng()).sample(300, generator(3, "sample", round_))
        survivors.append(corpus.measure(None, items, None)["unique"])
    mean, error = np.mean(survivors, axis=1), np.std(survivors, axis=1) / chains**0.5
    bound = expect_survivors(corpus.probabilities, 300, rounds)
    assert (mean >= bound - 3 * error).all()
    assert mean == pytest.approx(bound, rel=0.01)
    assert mean[-1] < mean[0] / 3
