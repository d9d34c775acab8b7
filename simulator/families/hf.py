"""Causal language models of Hugging Face transformers, fine-tuned anew in each generation."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simulator.families.base import Arrays, Floats, Items
from simulator.families.tokens import check, check_one_line
from simulator.randomness import shuffled_passes
from simulator.ranges import check_epochs_or_steps, check_least

#: With b beams, AT_ONCE / b texts are generated at once. AT_ONCE / 8 blocks are evaluated at once.
AT_ONCE = 256


@dataclass(frozen=True)
class HuggingFace:
    """a causal language model of Hugging Face, fine-tuned anew in each generation (Shumailov et al. 2023)

    The data must use the tokenizer of the same model: `text:tokenizer=facebook/opt-125m`.
    """

    model: str = "facebook/opt-125m"
    """name of the model on the Hugging Face Hub, or the folder of a model"""
    epochs: float = 5.0
    """number of passes over the training items; the paper uses 5, or 10 if a tenth of the human data is kept"""
    steps: int = 0
    """number of optimizer steps, independent of the number of items; 0: use `epochs`"""
    batch: int = 128
    """number of items per optimizer step"""
    micro: int = 0
    """number of items that are processed at once, to save memory; 0: the whole batch"""
    rate: float = 2e-5
    """learning rate of the first step; it decreases to `last_rate` along a cosine"""
    last_rate: float = 1e-6
    """learning rate of the last step"""
    beams: int = 5
    """number of beams of beam search; 1: the most likely token at each step; 0: tokens are sampled instead"""
    device: str = field(default="cpu", compare=False)
    """device that torch uses: `cpu`, `cuda` or `cuda:1`"""

    def __post_init__(self) -> None:
        check_least(1, batch=self.batch)
        check_least(0, micro=self.micro, beams=self.beams)
        check_epochs_or_steps(self.epochs, self.steps)
        if not 0 < self.last_rate <= self.rate:
            raise ValueError(
                f"last_rate is {self.last_rate:g} and rate is {self.rate:g}: use a last_rate above 0 and at most rate"
            )

    def fit(self, items: Items, rng: np.random.Generator) -> "FineTuned":
        """Fine-tune the pretrained model on `items`, `uint16[n, 1, L]`.

        Raises ValueError for more than one chain, for tokens outside the vocabulary, and if the package transformers is
        not installed. Raises OSError if the model does not exist.
        """
        check_one_line(items)
        network = self._load()
        check(items, network.config.vocab_size)
        blocks = torch.from_numpy(items[:, 0].astype(np.int64)).to(self.device)
        with _seeded(rng):
            self._train(network, blocks, rng)
        return FineTuned(self, network, items[:, 0])

    def restore(self, arrays: Arrays) -> "FineTuned":
        """Return the fine-tuned model whose method `arrays()` returned these arrays.

        It has no training set, so it can evaluate text but not generate text.
        """
        network = self._load()
        weights = {name.removeprefix("weight "): torch.from_numpy(array) for name, array in arrays.items()}
        network.load_state_dict(weights)
        return FineTuned(self, network, np.empty((0, 0), dtype=np.uint16))

    def _load(self) -> Any:
        try:
            from transformers import AutoModelForCausalLM
            from transformers.utils import logging
        except ImportError:
            raise ValueError(
                f"the family of {self.model} needs the package transformers. Install it with: pip install transformers"
            ) from None
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        network: Any = AutoModelForCausalLM.from_pretrained(self.model, dtype=torch.float32)
        return network.to(self.device)

    def _train(self, network: Any, blocks: Tensor, rng: np.random.Generator) -> None:
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.rate, fused=True)
        batches = self._batches(len(blocks), rng)
        network.train()
        for step, rows in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = self._rate_at(step, len(batches))
            seen = blocks[rows.to(blocks.device)]
            for part in torch.split(seen, self.micro or self.batch):
                torch.autograd.backward(_loss(network, part).mean() * (len(part) / len(seen)))
            optimizer.step()
            optimizer.zero_grad()
        network.eval()

    def _batches(self, items: int, rng: np.random.Generator) -> list[Tensor]:
        """Return the indices of the items of each step: all items in random order, again in a new order, …"""
        steps = self.steps or max(1, round(self.epochs * items / self.batch))
        return list(torch.split(torch.from_numpy(shuffled_passes(rng, items, steps * self.batch)), self.batch))

    def _rate_at(self, step: int, steps: int) -> float:
        fallen = (1 - math.cos(math.pi * step / max(1, steps - 1))) / 2
        return self.rate + (self.last_rate - self.rate) * fallen


@dataclass(frozen=True)
class Opt125m(HuggingFace):
    """OPT-125m with the settings of Shumailov et al. 2023: 5 epochs, 5 beams, blocks of 64 tokens

    The data of the paper is the raw text of wikitext-2: `text:path=wiki.train.raw,tokenizer=facebook/opt-125m`. If a
    tenth of the human data is kept (`preserve:0.1`), the paper uses 10 epochs.
    """


class FineTuned:
    """A fine-tuned network, and its training blocks, which are the prompts for new text."""

    def __init__(self, family: HuggingFace, network: Any, blocks: Items) -> None:
        self._family, self._network, self._blocks = family, network.eval(), blocks

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n blocks, `uint16[n, 1, L]`.

        The prompts are blocks of the training set in random order; they are used again if n is larger than the training
        set. Raises ValueError for a restored model, which has no training set.
        """
        if not len(self._blocks):
            raise ValueError(
                "a model that was restored from its arrays has no training set for prompts, so it cannot generate "
                "text: call sample on a model that fit returned"
            )
        rows = shuffled_passes(rng, len(self._blocks), n)
        at_once = max(1, AT_ONCE // max(1, self._family.beams))
        with _seeded(rng):
            written = [self._write(rows[first : first + at_once]) for first in range(0, n, at_once)]
        return np.concatenate(written)[:, np.newaxis]

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token of the blocks except the first of a block: `[m, C, L − 1]`, in nats."""
        check(blocks, self._network.config.vocab_size)
        tokens = torch.from_numpy(blocks[:, 0].astype(np.int64)).to(self._family.device)
        with torch.no_grad():
            losses = [_loss(self._network, part).cpu().numpy() for part in torch.split(tokens, AT_ONCE // 8)]
        return np.concatenate(losses).astype(np.float64)[:, np.newaxis]

    def arrays(self) -> Arrays:
        """Return all weights of the network: arrays by name."""
        return {f"weight {name}": weight.cpu().numpy() for name, weight in self._network.state_dict().items()}

    def _write(self, rows: Any) -> Items:
        """Generate a block of new tokens after each training block whose index is in `rows`."""
        prompts = torch.from_numpy(self._blocks[rows].astype(np.int64)).to(self._family.device)
        length, beams = prompts.shape[1], self._family.beams
        made = self._network.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            min_new_tokens=length,
            max_new_tokens=length,
            num_beams=max(1, beams),
            do_sample=beams == 0,
            top_k=0 if beams == 0 else None,
            pad_token_id=self._network.config.pad_token_id or 0,
        )
        return np.asarray(made[:, length:].cpu().numpy(), dtype=np.uint16)


def _loss(network: Any, blocks: Tensor) -> Tensor:
    """Return the loss of each token of `blocks[m, L]` except the first of a block: `[m, L − 1]`, in nats."""
    logits = network(input_ids=blocks).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1).float(), blocks[:, 1:].flatten(), reduction="none").view(
        len(blocks), -1
    )


@contextmanager
def _seeded(rng: np.random.Generator) -> Iterator[None]:
    """Seed torch's global generators inside the context, then restore them.

    transformers uses them for dropout and sampling.
    """
    seed = int(rng.integers(2**63))
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(seed)
        yield
