"""Human text: how it is read, split, cut into tokens, and what is measured of it."""

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firsthand.core.digests import digest_text
from simulator.data import passages
from simulator.data.texts import Text
from simulator.data.tokenizers import STRANGE, make_codec
from simulator.families.ngram import NGram
from simulator.families.tokens import count_distinct
from simulator.metrics.definitions import BY_NAME
from simulator.metrics.points import measure
from simulator.metrics.text import distinct_pairs, perplexities, rare, self_bleu
from simulator.randomness import generator

TEXT = Text(vocabulary=512, block=32)


def rng() -> np.random.Generator:
    return generator(1, "texts")


def test_the_text_that_cpython_carries_is_there_without_any_file() -> None:
    topics = importlib.import_module("pydoc_data.topics").topics
    split = passages.read("", 0.1)
    words = sum(len(passage.split()) for passage in split.pool + split.aside)
    assert 0.6 < words / sum(len(content.split()) for content in topics.values()) < 1  # what is said twice is left out
    assert sum(map(len, split.aside)) / sum(map(len, split.pool + split.aside)) == pytest.approx(0.1, abs=0.05)


def test_no_paragraph_kept_aside_is_in_the_pool_by_digest() -> None:
    pool, aside = (
        {digest_text(line) for passage in part for line in passage.splitlines()} for part in passages.read("", 0.1)
    )
    assert len(aside) > 100
    assert not pool & aside


@pytest.mark.slow
def test_no_block_kept_aside_is_in_the_pool() -> None:
    aside = {block.tobytes() for block in TEXT.held_out}
    assert not any(block.tobytes() in aside for block in TEXT.pool(1, 0)[:, 0])


def test_headings_lose_their_rulers_and_roles_their_names_and_nothing_else_changes() -> None:
    content = "A heading\n=========\n\nCall :func:`str.join` or\n   :ref:`this <that>`; 2 ** 3.\n\n\n***\n"
    assert passages.paragraphs(content) == ["A heading", "Call str.join or this; 2 ** 3."]


def test_a_passage_is_of_paragraphs_in_a_row() -> None:
    long = "x" * passages.PASSAGE
    assert passages.passages(["a", long, "b"]) == [f"a\n{long}\n", "b\n"]


def lines(start: int, stop: int) -> str:
    return "\n\n".join(f"Paragraph {number} says: {'so ' * 200}{number}." for number in range(start, stop))


def test_a_file_and_a_folder_of_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(lines(0, 40))
    (tmp_path / "b.md").write_text(lines(20, 60))
    (tmp_path / "c.csv").write_text("no text")
    whole = passages.read(str(tmp_path), 0.3)
    paragraphs = sorted("".join(whole.pool + whole.aside).splitlines())
    assert paragraphs == sorted(lines(0, 60).split("\n\n"))  # what both files have once
    corpus = Text(str(tmp_path / "a.txt"), "characters", block=16, aside=0.3)
    assert corpus.texts(corpus.pool(1, 0)[:1]) == ["".join(passages.read(corpus.path, 0.3).pool)[:16]]


@pytest.mark.slow
def test_the_digest_is_of_the_text_and_not_of_its_place(tmp_path: Path) -> None:
    texts = []
    for name, content in (("a", lines(0, 40)), ("b", lines(0, 40)), ("c", lines(1, 40))):
        (tmp_path / f"{name}.txt").write_text(content)
        texts.append(Text(str(tmp_path / f"{name}.txt"), "words", block=16, aside=0.3))
    assert texts[0].digest() == texts[1].digest() != texts[2].digest()
    assert TEXT.digest() != Text(vocabulary=513, block=32).digest()


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"\xff\xfe", "cannot be read"), (b"One.", "too few")]
)
def test_a_file_without_readable_text_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        Text(str(tmp_path / "a.txt")).pool(1, 0)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no text files"):
        Text(str(tmp_path)).pool(1, 0)


@pytest.mark.parametrize("settings", [{"aside": 0.0}, {"aside": 1.0}, {"block": 1}], ids=str)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        Text(**settings)


@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_decoding_gives_the_text_back(kind: str) -> None:
    content = 'He said: "two  spaces",\nthen left.\n'
    made = make_codec(kind, (content * 3,), 300)
    assert made.decode(made.encode(content)) == content
    assert made.encode(content).dtype == np.uint16


def test_byte_pairs_join_what_is_often_together_and_can_write_anything() -> None:
    made = make_codec("bpe", ("the cat, the hat, the bat " * 50,), 280)
    assert len(made.encode(" the")) == 1
    assert made.decode(made.encode("Ωmega")) == "Ωmega"


@pytest.mark.slow
def test_byte_pairs_are_the_same_whenever_they_are_made() -> None:
    first, again = (Text(vocabulary=512, block=block).pool(1, 0).ravel()[:4000] for block in (32, 16))
    assert np.array_equal(first, again)
    assert hashlib.sha256(first.tobytes()).digest() == hashlib.sha256(again.tobytes()).digest()


def test_of_words_the_most_frequent_have_tokens() -> None:
    made = make_codec("words", ("a a a b b c",), 3)
    assert made.encode("c b a, don't").tolist() == [0, 2, 1, 0, 0]
    assert made.decode(np.array([1, 2, 0], dtype=np.uint16)) == f"a b {STRANGE}"


@pytest.mark.parametrize(("kind", "size"), [("bpe", 255), ("words", 1), ("characters", 2**16 + 1)])
def test_a_vocabulary_that_cannot_be_is_refused(kind: str, size: int) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        make_codec(kind, ("text",), size)


def test_tokens_are_made_from_the_text_to_train_on_alone() -> None:
    split = passages.read("", TEXT.aside)
    assert np.array_equal(TEXT.pool(1, 0).ravel()[:500], make_codec("bpe", split.pool, 512).encode(split.pool[0])[:500])


def test_every_chain_and_seed_has_the_same_blocks() -> None:
    pool = TEXT.pool(2, seed=1)
    assert pool.dtype == np.uint16
    assert np.array_equal(pool[:, 0], pool[:, 1])
    assert np.array_equal(pool, TEXT.pool(2, seed=2))


def test_there_is_no_new_text_unless_the_same_is_meant_to_be_found_again() -> None:
    with pytest.raises(ValueError, match="recrawl=true"):
        TEXT.fresh(10, 1, seed=1, round=1)


@pytest.mark.slow
def test_a_crawl_finds_each_block_once_before_it_finds_one_twice() -> None:
    again = Text(vocabulary=512, block=32, recrawl=True)
    pool = len(again.pool(1, 0))
    crawled = again.fresh(pool + 5, 1, seed=1, round=2)
    assert len(again.fresh(5, 1, seed=1, round=2)) == 5
    assert len({block.tobytes() for block in again.fresh(5, 1, 1, 1)} ^ {b.tobytes() for b in again.fresh(5, 1, 1, 2)})
    counts = np.unique(crawled, axis=0, return_counts=True)[1]
    whole = np.unique(again.pool(1, 0), axis=0, return_counts=True)[1]
    assert np.array_equal(np.sort(counts - whole)[-6:], [0, 1, 1, 1, 1, 1])


def test_the_perplexity_of_a_unigram_model_is_that_of_its_frequencies() -> None:
    pool = TEXT.pool(1, 0)
    fitted = NGram(alpha=1.0, vocabulary=512).fit(pool, rng())
    p = (np.bincount(pool.ravel(), minlength=512) + 1) / (pool.size + 512)
    measured = measure(TEXT, fitted, pool[:120], fitted)
    assert measured["perplexity"] == pytest.approx(np.exp(-np.log(p[TEXT.held_out[:, 1:]]).mean()))
    assert measured["sample_perplexity"] == pytest.approx(np.exp(-np.log(p[pool[:120, :, 1:]]).mean()))
    assert perplexities(fitted, pool[:3])[2, 0] == pytest.approx(np.exp(-np.log(p[pool[2, 0, 1:]]).mean()))
    assert measured["rarest_decile_loss"] > np.log(measured["perplexity"])
    assert set(measured) == {
        "perplexity", "rarest_decile_loss", "sample_perplexity", "improbable_share", "distinct_2", "self_bleu",
        "unique",
    } <= set(BY_NAME)  # fmt: skip
    assert all(values.shape == (1,) for values in measured.values())


def test_bigrams_foretell_human_text_better_than_unigrams() -> None:
    pool = TEXT.pool(1, 0)
    unigrams, bigrams = (
        measure(TEXT, NGram(order, 0.01, 512).fit(pool, rng()), pool[:20])["perplexity"] for order in (1, 2)
    )
    assert bigrams < unigrams / 2


def test_human_text_is_measured_without_a_model() -> None:
    assert set(measure(TEXT, None, TEXT.pool(2, 0)[:50])) == {"distinct_2", "self_bleu", "unique"}


def test_items_that_the_first_model_would_hardly_make_are_counted() -> None:
    pool = TEXT.pool(1, 0)
    fitted = NGram(alpha=1.0, vocabulary=512).fit(pool, rng())
    common, rarest = (np.bincount(pool.ravel(), minlength=512).argsort()[[-1, 0]]).astype(np.uint16)
    items = np.full((100, 1, 32), common)
    items[:30] = rarest
    assert measure(TEXT, fitted, items, fitted)["improbable_share"] == pytest.approx([0.3])


def test_the_rarest_decile_is_of_tokens_by_their_frequency_in_human_text() -> None:
    tokens = np.array([[0, 0, 0, 0, 0], [1, 1, 1, 1, 2]])
    assert rare(tokens, np.array([50.0, 20.0, 3.0])).sum() == 1
    assert rare(tokens, np.array([50.0, 3.0, 20.0])).sum() == 4  # ties are all in it


def test_distinct_pairs_by_hand() -> None:
    assert distinct_pairs(np.array([[1, 2, 1, 2], [2, 1, 1, 1]], dtype=np.uint16)) == 3 / 6


def test_distinct_tokens_are_counted_chain_by_chain() -> None:
    items = np.array([[[1, 2], [5, 5]], [[2, 3], [5, 5]]], dtype=np.uint16)
    assert count_distinct(items).tolist() == [3, 1]


def test_self_bleu_by_hand() -> None:
    """a b c d e against a b c d f: 4/5 words, 3/4 pairs, 2/3 triples, 1/2 fours; and the same the other way round."""
    blocks = np.array([[1, 2, 3, 4, 5], [1, 2, 3, 4, 6]], dtype=np.uint16)
    assert self_bleu(blocks) == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_self_bleu_counts_a_repeated_token_as_often_as_one_other_block_has_it() -> None:
    """a a a a against a a b c and a b b b: 2 of 4 words, 1 of 3 pairs, a tenth for no triple and no four."""
    blocks = np.array([[1, 1, 1, 1], [1, 1, 2, 3], [1, 2, 2, 2]], dtype=np.uint16)
    first = (2 / 4 * 1 / 3 * 0.1 / 2 * 0.1 / 1) ** 0.25
    second = (3 / 4 * 2 / 3 * 0.1 / 2 * 0.1 / 1) ** 0.25
    third = (2 / 4 * 1 / 3 * 0.1 / 2 * 0.1 / 1) ** 0.25
    assert self_bleu(blocks) == pytest.approx((first + second + third) / 3)


def test_self_bleu_of_the_same_text_again_and_again_is_one() -> None:
    assert self_bleu(np.tile(np.arange(8, dtype=np.uint16), (5, 1))) == pytest.approx(1)
    assert np.isnan(self_bleu(np.zeros((1, 8), dtype=np.uint16)))
