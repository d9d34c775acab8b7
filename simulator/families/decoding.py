"""Decoding: generation of text from the next-token probabilities of a language model."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from simulator.ranges import check_above, check_least


@dataclass(frozen=True)
class Decoding:
    """The settings of sampling (temperature, top-k, top-p), or of beam search (beams)."""

    temperature: float = 1.0
    """number that divides the logits; below 1, likely tokens become more likely"""
    top_k: int = 0
    """number of most likely tokens from which a token is sampled (Fan et al. 2018); 0: all tokens"""
    top_p: float = 1.0
    """tokens are sampled from the smallest set of most likely tokens with at least this total probability (Holtzman
    et al. 2020); 1: all tokens"""
    beams: int = 0
    """2 or more: beam search with this number of beams, instead of sampling"""

    def __post_init__(self) -> None:
        check_above(0, temperature=self.temperature)
        check_least(0, top_k=self.top_k, beams=self.beams)
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p:g}: use a number above 0 and at most 1, such as 0.9")
        if self.beams > 1 and (self.temperature, self.top_k, self.top_p) != (1.0, 0, 1.0):
            raise ValueError(
                f"beams is {self.beams}, and beam search does not sample: leave out temperature, top_k and top_p, or "
                "leave out beams"
            )


class Steps(Protocol):
    """A language model that reads B sequences token by token, and returns the logits of the next tokens, `[B, V]`.

    V is the size of the vocabulary.
    """

    def begin(self, prompts: Tensor) -> Tensor:
        """Read `prompts[B, T]`; return the logits of the next tokens, `[B, V]`."""
        ...

    def step(self, tokens: Tensor) -> Tensor:
        """Read one more token per sequence, `tokens[B]`; return the logits of the next tokens, `[B, V]`."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Keep only the sequences with the indices `rows`, in this order.

        An index may occur more than once (beam search).
        """
        ...


@torch.no_grad()
def write(steps: Steps, prompts: Tensor, length: int, how: Decoding, generator: torch.Generator) -> Tensor:
    """Generate `length` new tokens after each sequence of `prompts[B, T]`: `[B, length]`. `how` has the settings."""
    if how.beams > 1:
        return _search(steps, prompts, length, how.beams)
    logits, written = steps.begin(prompts), []
    for number in range(length):
        written.append(draw(logits, how, generator))
        if number + 1 < length:
            logits = steps.step(written[-1])
    return torch.stack(written, dim=1)


def draw(logits: Tensor, how: Decoding, generator: torch.Generator) -> Tensor:
    """Draw one token for each row of `logits[B, V]`: `[B]`. `how` has the settings of sampling.

    The token is the inverse of the cumulative distribution function at a uniform random number. Random numbers come
    from the CPU, so all devices draw the same tokens, except for rounding.
    """
    ends = likeliest(logits / how.temperature, how).double().cumsum(dim=1)
    uniforms = torch.rand(len(logits), 1, generator=generator, dtype=torch.float64).to(logits.device)
    return torch.searchsorted(ends, uniforms * ends[:, -1:], right=True)[:, 0].clamp(max=logits.shape[1] - 1)


def likeliest(logits: Tensor, how: Decoding) -> Tensor:
    """Return the probability of each token, `[B, V]`. It is 0 for the tokens that top-k or top-p exclude.

    Top-k is applied first, and top-p to the remaining tokens. If several tokens have the same logit as the least likely
    token that remains, all of them remain.
    """
    if 0 < how.top_k < logits.shape[1]:
        logits = _down_to(logits, logits.topk(how.top_k).values[:, -1:])
    if how.top_p < 1:
        ordered = logits.sort(dim=1, descending=True).values
        before = ordered.softmax(dim=1).cumsum(dim=1).roll(1, dims=1)
        before[:, 0] = 0.0
        kept = (before < how.top_p).sum(dim=1, keepdim=True)
        logits = _down_to(logits, ordered.gather(1, kept - 1))
    return logits.softmax(dim=1)


def _down_to(logits: Tensor, least: Tensor) -> Tensor:
    return logits.masked_fill(logits < least, -torch.inf)


def _search(steps: Steps, prompts: Tensor, length: int, beams: int) -> Tensor:
    """Return the most likely continuation that beam search finds for each of `prompts[B, T]`: `[B, length]`."""
    rows = len(prompts)
    logits = steps.begin(prompts)
    size = logits.shape[1]
    beams = min(beams, size)  # the first step has only V different tokens
    scores, tokens = logits.log_softmax(dim=1).topk(beams)
    first = torch.arange(rows, device=logits.device)[:, None]
    steps.keep(first.expand(rows, beams).reshape(-1))
    written = tokens.reshape(-1, 1)
    for _ in range(1, length):
        onward = steps.step(written[:, -1]).log_softmax(dim=1).view(rows, beams, size)
        scores, best = (scores[:, :, None] + onward).view(rows, -1).topk(beams)
        parents = (first * beams + best // size).reshape(-1)
        steps.keep(parents)
        written = torch.cat([written[parents], (best % size).reshape(-1, 1)], dim=1)
    return written.view(rows, beams, length)[:, 0]
