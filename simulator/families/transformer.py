"""A small GPT, trained from scratch in each generation."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simulator.families.base import Arrays, Floats, Items
from simulator.families.decoding import Decoding, write
from simulator.families.tokens import check, check_one_line
from simulator.families.transformer_network import Generation, Network, Shape

#: Texts that are written, and blocks that are judged, at once.
AT_ONCE = 256
#: The share of the steps in which the rate rises, and what part of it is left at the end of its cosine.
WARM, LEFT = 0.05, 0.1


@dataclass(frozen=True)
class Transformer:
    """a small GPT from scratch; each block of its training set prompts a new one (Shumailov et al. 2023)"""

    layers: int = 2
    """layers of attention and hidden units"""
    heads: int = 4
    """heads of each attention"""
    width: int = 128
    """numbers that stand for a token"""
    epochs: float = 10.0
    """how often training sees each item"""
    steps: int = 0
    """optimizer steps, whatever the number of items: regimes compare at equal steps; 0: as `epochs` says"""
    batch: int = 32
    """items of an optimizer step"""
    rate: float = 2e-3
    """learning rate at its highest; it rises over a twentieth of the steps, then falls to a tenth along a cosine"""
    temperature: float = 1.0
    """of sampling: divides the logits"""
    top_k: int = 0
    """sample only so many of the likeliest tokens; 0: all"""
    top_p: float = 1.0
    """sample only the likeliest tokens that together have this probability"""
    beams: int = 0
    """from 2 on: no sampling, but the likeliest text that so many beams find"""
    prompted: bool = True
    """whether each block of the training set prompts a next one, which alone is kept; else its first token the rest"""
    vocabulary: int = 1024
    """tokens that there are: at least as many as the data have"""
    device: str = field(default="cpu", compare=False)
    """where torch computes: cpu, cuda …"""

    def __post_init__(self) -> None:
        if min(self.layers, self.heads, self.batch, self.vocabulary) < 1 or self.width % (2 * self.heads):
            raise ValueError(
                f"{self} is impossible: all sizes are 1 or more, and each head has an even part of the width"
            )
        if self.rate <= 0 or self.steps < 0 or (self.steps == 0 and self.epochs <= 0):
            raise ValueError(f"{self} is impossible: there is something to learn, at a rate above 0")
        self.decoding  # noqa: B018 it refuses what is impossible

    @property
    def decoding(self) -> Decoding:
        """How it writes."""
        return Decoding(self.temperature, self.top_k, self.top_p, self.beams)

    def fit(self, items: Items, rng: np.random.Generator) -> "TrainedTransformer":
        """Train on `uint16[n, 1, L]`. Raises ValueError for several chains, and for tokens out of the vocabulary."""
        blocks = self._blocks(items)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        network = Network(self._shape(items.shape[2]), generator).to(self.device)
        train(network, blocks, self.schedule(len(blocks), rng), self.rate)
        return TrainedTransformer(self, network, items[:, 0])

    def restore(self, arrays: Arrays) -> "TrainedTransformer":
        """The model whose `arrays()` these are, without its training set: it judges text, and writes none."""
        window = int(arrays["window"])
        network = Network(self._shape(window))
        network.load_state_dict({name: torch.from_numpy(arrays[name]) for name in network.state_dict()})
        return TrainedTransformer(self, network.to(self.device), np.empty((0, window), dtype=np.uint16))

    def schedule(self, items: int, rng: np.random.Generator) -> Tensor:
        """Which items each step sees, `[steps, batch]`: all in an order of its own, again and again."""
        steps = self.steps or max(1, round(self.epochs * items / self.batch))
        passes = math.ceil(steps * self.batch / items)
        order = np.concatenate([rng.permutation(items) for _ in range(passes)])
        return torch.from_numpy(order[: steps * self.batch].reshape(steps, self.batch))

    def _shape(self, window: int) -> Shape:
        return Shape(self.vocabulary, self.layers, self.heads, self.width, window)

    def _blocks(self, items: Items) -> Tensor:
        check_one_line(items)
        check(items, self.vocabulary)
        return torch.from_numpy(items[:, 0].astype(np.int64)).to(self.device)


class TrainedTransformer:
    """A network, and the blocks that it was trained on, for these prompt what it writes."""

    def __init__(self, family: Transformer, network: Network, blocks: Items) -> None:
        self._family, self._network, self._blocks = family, network, blocks

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Write n blocks, `uint16[n, 1, L]`, prompted by the training set's: each once, and again where n is larger."""
        prompts = self.prompts(n, rng)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        at_once = max(1, AT_ONCE // max(1, self._family.beams))
        written = [self._write(prompts[first : first + at_once], generator) for first in range(0, n, at_once)]
        return np.concatenate(written)[:, np.newaxis]

    def prompts(self, n: int, rng: np.random.Generator) -> Items:
        """What the next n blocks are prompted by: blocks of the training set `[n, L]`, or first tokens `[n, 1]`."""
        if not len(self._blocks):
            raise ValueError("a model that was restored from its arrays has no training set to prompt it")
        passes = math.ceil(n / len(self._blocks))
        rows = np.concatenate([rng.permutation(len(self._blocks)) for _ in range(passes)])[:n]
        return self._blocks[rows] if self._family.prompted else self._blocks[rows, :1]

    def losses(self, blocks: Items) -> Floats:
        """`simulator.families.base.Language`."""
        check(blocks, self._family.vocabulary)
        tokens = torch.from_numpy(blocks[:, 0].astype(np.int64)).to(self._family.device)
        return np.concatenate([_losses(self._network, some) for some in torch.split(tokens, AT_ONCE)])[:, np.newaxis]

    def arrays(self) -> Arrays:
        """`simulator.families.base.Storable`: the weights."""
        weights = {name: weight.cpu().numpy() for name, weight in self._network.state_dict().items()}
        return {**weights, "window": np.array(self._network.shape.window)}

    def _write(self, prompts: Items, generator: torch.Generator) -> Items:
        window = self._network.shape.window
        length = window if self._family.prompted else window - 1
        begun = torch.from_numpy(prompts.astype(np.int64)).to(self._family.device)
        steps = Generation(self._network, prompts.shape[1] + length)
        made = write(steps, begun, length, self._family.decoding, generator)
        whole = made if self._family.prompted else torch.cat([begun, made], dim=1)
        return whole.cpu().numpy().astype(np.uint16)


def train(network: Network, blocks: Tensor, schedule: Tensor, rate: float) -> None:
    """Teach the next token of `blocks[m, L]`, of those rows that each step of `schedule[steps, batch]` names."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.95), fused=True)
    for step, rows in enumerate(schedule.to(blocks.device)):
        for group in optimizer.param_groups:
            group["lr"] = rate * pace(step, len(schedule))
        seen = blocks[rows]
        loss = F.cross_entropy(network(seen[:, :-1]).flatten(0, 1), seen[:, 1:].flatten())
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()


def pace(step: int, steps: int) -> float:
    """The part of the highest rate that a step has, 0 to 1."""
    warm = max(1, round(WARM * steps))
    if step < warm:
        return (step + 1) / warm
    return LEFT + (1 - LEFT) * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


@torch.no_grad()
def _losses(network: Network, tokens: Tensor) -> Floats:
    logits = network(tokens[:, :-1])
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return losses.view(len(tokens), -1).cpu().numpy().astype(np.float64)
