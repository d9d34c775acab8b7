"""Any causal model of Hugging Face: a tiny OPT, built from its configuration, without network."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from firsthand.client import Client
from simulator import names
from simulator.config import Run, encode
from simulator.data.texts import Text
from simulator.families.hf import HuggingFace, Opt125m
from simulator.randomness import generator
from simulator.regimes import Replace
from simulator.runs import checkpoints, results, rounds
from simulator.runs.checkpoints import Plan
from tests.conftest import Registry
from tests.simulator import tiny_opt

transformers = pytest.importorskip("transformers")

BLOCK = 16


def rng(purpose: str = "hf") -> np.random.Generator:
    return generator(1, purpose)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An OPT of two layers with a tokenizer of 300 tokens, saved as any model is."""
    return tiny_opt.save(tmp_path_factory.mktemp("tiny-opt"), BLOCK)


@pytest.fixture
def text(folder: str) -> Text:
    return Text(tokenizer=folder, block=BLOCK)


def family(folder: str, **settings: Any) -> HuggingFace:
    return HuggingFace(folder, **{"steps": 3, "batch": 8, "beams": 3, **settings})


@pytest.mark.slow
def test_text_is_cut_by_the_models_own_tokenizer(text: Text) -> None:
    pool = text.pool(1, 0)
    assert pool.shape[1:] == (1, BLOCK)
    assert 256 < pool.max() < 300
    assert text.texts(pool[:1])[0].startswith('The "assert" statement')


@pytest.mark.slow
@pytest.mark.parametrize("beams", [0, 1, 3])
def test_each_prompt_is_followed_by_exactly_a_block_of_new_tokens(folder: str, text: Text, beams: int) -> None:
    items = text.pool(1, 0)[:10]
    fitted = family(folder, beams=beams).fit(items, rng())
    made = fitted.sample(13, rng())
    assert made.shape == (13, 1, BLOCK)
    assert made.dtype == np.uint16
    assert 1 not in made  # the end of a text, which would cut it short


@pytest.mark.slow
def test_the_same_randomness_gives_the_same_text_and_torchs_own_is_left_as_it_was(folder: str, text: Text) -> None:
    """Dropout and drawing take from torch's own generator."""
    before, items = torch.get_rng_state(), text.pool(1, 0)[:10]
    first, again, other = (
        family(folder, beams=0).fit(items, rng(purpose)).sample(9, rng(purpose)) for purpose in ("a", "a", "b")
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_losses_are_those_that_the_model_says_itself(folder: str, text: Text) -> None:
    items = text.pool(1, 0)[:10]
    fitted = family(folder, rate=1e-9, last_rate=1e-9).fit(items, rng())
    tokens = torch.from_numpy(items[:, 0].astype(np.int64))
    with torch.no_grad():
        loss = transformers.OPTForCausalLM.from_pretrained(folder)(input_ids=tokens, labels=tokens).loss
    assert fitted.losses(items).shape == (10, 1, BLOCK - 1)
    assert fitted.losses(items).mean() == pytest.approx(float(loss), rel=1e-4)


@pytest.mark.slow
def test_fine_tuning_learns_and_begins_each_time_from_the_same_weights(folder: str, text: Text) -> None:
    items = text.pool(1, 0)[:8]
    less, more = (family(folder, rate=1e-2, steps=steps).fit(items, rng()).losses(items).mean() for steps in (1, 30))
    assert more < less - 0.5
    assert family(folder, rate=1e-2, steps=1).fit(items, rng()).losses(items).mean() == less


def test_a_batch_in_parts_is_the_same_batch(folder: str, text: Text) -> None:
    """But for rounding, where there is no dropout."""
    path = Path(folder)
    plain = transformers.OPTForCausalLM.from_pretrained(path, dropout=0.0, attention_dropout=0.0)
    plain.save_pretrained(path / "plain")
    items = text.pool(1, 0)[:8]
    whole, parts = (
        family(str(path / "plain"), rate=1e-3, micro=micro).fit(items, rng()).losses(items) for micro in (0, 3)
    )
    assert np.allclose(whole, parts, atol=1e-4)


def test_a_restored_model_has_the_same_losses(folder: str, text: Text) -> None:
    items = text.pool(1, 0)[:8]
    fitted = family(folder, rate=1e-2).fit(items, rng())
    again = family(folder).restore(fitted.arrays())
    assert np.array_equal(again.losses(items), fitted.losses(items))
    with pytest.raises(ValueError, match="no training set"):
        again.sample(1, rng())


def test_the_papers_settings_have_a_name() -> None:
    named = names.parse("opt-125m", names.FAMILIES)
    assert type(named) is Opt125m
    assert dataclasses.asdict(named) == {
        "model": "facebook/opt-125m", "epochs": 5.0, "steps": 0, "batch": 128, "micro": 0, "rate": 2e-5,
        "last_rate": 1e-6, "beams": 5, "device": "cpu",
    }  # fmt: skip
    assert [named._rate_at(step, 101) for step in (0, 50, 100)] == pytest.approx([2e-5, 1.05e-5, 1e-6])
    assert len(named._batches(1280, rng())) == 50


@pytest.mark.parametrize("settings", [{"batch": 0}, {"epochs": 0.0}, {"last_rate": 1.0}, {"beams": -1}], ids=str)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        HuggingFace(**settings)


def test_tokens_that_the_model_does_not_have_are_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="tokens up to 300"):
        family(folder).fit(np.full((4, 1, BLOCK), 300, dtype=np.uint16), rng())


def test_two_rounds_through_a_served_registry(folder: str, text: Text, tmp_path: Path, registry: Registry) -> None:
    run = Run(family(folder), text, Replace(), n=12, generations=2)
    checkpoints.save_plan(tmp_path / "run", Plan(encode(run), "unused", "."))
    with Client(registry.url, registry.api_key) as client:
        rounds.play(tmp_path / "run", client)
    rows = results.read(tmp_path / "run").rows
    assert [row["generation"] for row in rows] == [0, 1, 2]
    assert rows[2]["mix"]["generations"] == {"1": 12}
    assert {"perplexity", "sample_perplexity", "self_bleu"} <= set(rows[2]["metrics"])
