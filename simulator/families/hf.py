"""Any causal language model of Hugging Face transformers, fine-tuned anew from its own weights in each generation."""

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

#: Texts that are written, and blocks that are judged, at once, divided by the beams.
AT_ONCE = 256


@dataclass(frozen=True)
class HuggingFace:
    """a causal language model of Hugging Face, fine-tuned each generation (Shumailov et al. 2023)

    The data take the same model's tokenizer: `text:tokenizer=facebook/opt-125m`.
    """

    model: str = "facebook/opt-125m"
    """its name on the hub, or a folder that holds it"""
    epochs: float = 5.0
    """how often training sees each item; the paper has 5, and 10 where a tenth of the human data is kept"""
    steps: int = 0
    """optimizer steps, whatever the number of items; 0: as `epochs` says"""
    batch: int = 128
    """items of an optimizer step"""
    micro: int = 0
    """items at once in memory, of a batch; 0: all"""
    rate: float = 2e-5
    """learning rate at first; it falls along a cosine"""
    last_rate: float = 1e-6
    """learning rate at last"""
    beams: int = 5
    """beginnings that the search for the likeliest text follows; 1: the likeliest token each; 0: tokens are drawn"""
    device: str = field(default="cpu", compare=False)
    """where torch computes: cpu, cuda …"""

    def __post_init__(self) -> None:
        if self.batch < 1 or min(self.steps, self.micro, self.beams) < 0 or (self.steps == 0 and self.epochs <= 0):
            raise ValueError(f"{self} is impossible: there is an item in a batch, and something to learn")
        if not 0 < self.last_rate <= self.rate:
            raise ValueError(f"{self} is impossible: the learning rate falls, and ends above 0")

    def fit(self, items: Items, rng: np.random.Generator) -> "FineTuned":
        """Fine-tune on `uint16[n, 1, L]`.

        Raises ValueError for several chains and for unknown tokens, OSError where there is no such model.
        """
        check_one_line(items)
        network = self._load()
        check(items, network.config.vocab_size)
        blocks = torch.from_numpy(items[:, 0].astype(np.int64)).to(self.device)
        with _seeded(rng):
            self._train(network, blocks, rng)
        return FineTuned(self, network, items[:, 0])

    def restore(self, arrays: Arrays) -> "FineTuned":
        """The model whose `arrays()` these are, without its training set: it judges text, and writes none."""
        network = self._load()
        weights = {name.removeprefix("weight "): torch.from_numpy(array) for name, array in arrays.items()}
        network.load_state_dict(weights)
        return FineTuned(self, network, np.empty((0, 0), dtype=np.uint16))

    def _load(self) -> Any:
        try:
            from transformers import AutoModelForCausalLM
            from transformers.utils import logging
        except ImportError:
            raise ValueError("this family needs transformers: pip install 'firsthand[hf]'") from None
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
            for some in torch.split(seen, self.micro or self.batch):
                torch.autograd.backward(_loss(network, some).mean() * (len(some) / len(seen)))
            optimizer.step()
            optimizer.zero_grad()
        network.eval()

    def _batches(self, items: int, rng: np.random.Generator) -> list[Tensor]:
        """The items of each step: all in an order of its own, again and again."""
        steps = self.steps or max(1, round(self.epochs * items / self.batch))
        passes = math.ceil(steps * self.batch / items)
        order = np.concatenate([rng.permutation(items) for _ in range(passes)])
        return list(torch.split(torch.from_numpy(order[: steps * self.batch]), self.batch))

    def _rate_at(self, step: int, steps: int) -> float:
        fallen = (1 - math.cos(math.pi * step / max(1, steps - 1))) / 2
        return self.rate + (self.last_rate - self.rate) * fallen


@dataclass(frozen=True)
class Opt125m(HuggingFace):
    """OPT-125m with the settings of Shumailov et al. 2023: 5 epochs, 5 beams, blocks of 64 tokens

    Their data is wikitext-2's raw text, `text:path=wiki.train.raw,tokenizer=facebook/opt-125m`; with a tenth of it kept
    (`preserve:0.1`) they have 10 epochs.
    """


class FineTuned:
    """A network, and the blocks that it was trained on, for these prompt what it writes."""

    def __init__(self, family: HuggingFace, network: Any, blocks: Items) -> None:
        self._family, self._network, self._blocks = family, network.eval(), blocks

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Write n blocks, `uint16[n, 1, L]`, prompted by the training set's: each once, and again where n is larger."""
        if not len(self._blocks):
            raise ValueError("a model that was restored from its arrays has no training set to prompt it")
        passes = math.ceil(n / len(self._blocks))
        rows = np.concatenate([rng.permutation(len(self._blocks)) for _ in range(passes)])[:n]
        at_once = max(1, AT_ONCE // max(1, self._family.beams))
        with _seeded(rng):
            written = [self._write(rows[first : first + at_once]) for first in range(0, n, at_once)]
        return np.concatenate(written)[:, np.newaxis]

    def losses(self, blocks: Items) -> Floats:
        """`simulator.families.base.Language`."""
        check(blocks, self._network.config.vocab_size)
        tokens = torch.from_numpy(blocks[:, 0].astype(np.int64)).to(self._family.device)
        with torch.no_grad():
            found = [_loss(self._network, some).cpu().numpy() for some in torch.split(tokens, AT_ONCE // 8)]
        return np.concatenate(found).astype(np.float64)[:, np.newaxis]

    def arrays(self) -> Arrays:
        """`simulator.families.base.Storable`: the weights."""
        return {f"weight {name}": weight.cpu().numpy() for name, weight in self._network.state_dict().items()}

    def _write(self, rows: Any) -> Items:
        """Exactly as many new tokens as a block has, after each of these blocks."""
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
    """The loss of each token of `[m, L]` but the first, `[m, L − 1]`."""
    logits = network(input_ids=blocks).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1).float(), blocks[:, 1:].flatten(), reduction="none").view(
        len(blocks), -1
    )


@contextmanager
def _seeded(rng: np.random.Generator) -> Iterator[None]:
    """Transformers' dropout and sampling draw from torch's own generators: seed these, and leave them as they were."""
    seed = int(rng.integers(2**63))
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(seed)
        yield
