"""Decoding, on a model whose next-token probabilities are known."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from simulator.families.decoding import Decoding, draw, likeliest, write

LOGITS = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Chain:
    """A Markov chain: what comes next depends on the last token alone, but it keeps count of who is asked."""

    def __init__(self, table: list[list[float]]) -> None:
        self.table = torch.tensor(table).log()
        self.rows = torch.empty(0, dtype=torch.long)

    def begin(self, prompts: Tensor) -> Tensor:
        self.rows = torch.arange(len(prompts))
        return self.table[prompts[:, -1]]

    def step(self, tokens: Tensor) -> Tensor:
        assert len(tokens) == len(self.rows)
        return self.table[tokens]

    def keep(self, rows: Tensor) -> None:
        self.rows = self.rows[rows]


def frequencies(how: Decoding, logits: Tensor = LOGITS, draws: int = 20_000) -> list[float]:
    drawn = draw(logits.expand(draws, -1), how, stream())
    shares: list[float] = (np.bincount(drawn, minlength=logits.shape[1]) / draws).tolist()
    return shares


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Decoding(), [0.5, 0.3, 0.15, 0.05]),
        (Decoding(temperature=0.5), [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
        (Decoding(top_k=2), [0.625, 0.375, 0, 0]),
        (Decoding(top_k=9), [0.5, 0.3, 0.15, 0.05]),
        (Decoding(top_p=0.75), [0.625, 0.375, 0, 0]),
        (Decoding(top_p=0.49), [1, 0, 0, 0]),
        (Decoding(top_p=0.81), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (Decoding(top_k=3, top_p=0.6), [0.625, 0.375, 0, 0]),
    ],
    ids=repr,
)
def test_tokens_are_drawn_with_the_probabilities_that_the_decoding_leaves(how: Decoding, expected: list[float]) -> None:
    assert likeliest(LOGITS / how.temperature, how)[0].tolist() == pytest.approx(expected, abs=1e-6)
    drawn = frequencies(how)
    assert drawn == pytest.approx(expected, abs=0.015)
    assert all(share == 0 for share, probability in zip(drawn, expected, strict=True) if probability == 0)


def test_the_order_of_tokens_does_not_matter_to_top_p() -> None:
    mixed = torch.tensor([[0.05, 0.5, 0.15, 0.3]]).log()
    assert likeliest(mixed, Decoding(top_p=0.75))[0].tolist() == pytest.approx([0, 0.625, 0, 0.375], abs=1e-6)


def test_what_is_impossible_is_never_drawn() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]])
    assert frequencies(Decoding(), logits) == pytest.approx([0, 0.5, 0, 0.5, 0], abs=0.015)


TABLE = [[0.1, 0.6, 0.3], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1]]


def test_text_goes_on_from_its_prompt_as_the_model_says() -> None:
    made = write(Chain(TABLE), torch.zeros(20_000, 2, dtype=torch.long), 2, Decoding(), stream())
    assert made.shape == (20_000, 2)
    pairs = np.bincount(made[:, 0] * 3 + made[:, 1], minlength=9).reshape(3, 3) / 20_000
    assert pairs == pytest.approx(np.array(TABLE[0])[:, None] * np.array(TABLE), abs=0.015)


def best(first: int, length: int) -> tuple[int, ...]:
    """The likeliest text of that length after a token, by trying all."""
    texts = itertools.product(range(3), repeat=length)
    return max(texts, key=lambda text: np.prod([TABLE[a][b] for a, b in zip((first, *text), text, strict=False)]))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_enough_beams_find_the_likeliest_text(length: int) -> None:
    prompts = torch.tensor([[0], [1], [2]])
    chain = Chain(TABLE)
    made = write(chain, prompts, length, Decoding(beams=9), stream())
    assert made.tolist() == [list(best(first, length)) for first in range(3)]
    assert sorted(set(chain.rows.tolist())) == [0, 1, 2]


def test_beams_look_further_than_the_likeliest_token() -> None:
    """After 0, token 1 is likeliest, and then 0 with 0.6 · 0.4; but 2 and then 0 has 0.4 · 0.9."""
    table = [[0.0, 0.6, 0.4], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]]
    prompt = torch.tensor([[0]])
    assert write(Chain(table), prompt, 2, Decoding(beams=2), stream()).tolist() == [[2, 0]]
    assert write(Chain(table), prompt, 2, Decoding(top_k=1), stream()).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    "settings",
    [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.5}, {"top_k": -1}, {"beams": -1}, {"beams": 2, "top_k": 3}],
    ids=str,
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: (use|leave out) "):
        Decoding(**settings)
