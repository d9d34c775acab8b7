"""A small GPT that is trained from scratch in each generation."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simulator.families.base import Arrays, Floats, Items
from simulator.families.decoding import Decoding, write
from simulator.families.tokens import check, check_one_line
from simulator.families.transformer_network import Generation, TransformerNetwork, TransformerShape
from simulator.randomness import shuffled_passes
from simulator.ranges import check_above, check_epochs_or_steps, check_least

#: The number of texts that are generated at once, and of blocks that are evaluated at once.
AT_ONCE = 256
#: WARM: the share of the steps in which the learning rate increases. LAST: the last learning rate, as a share of the
#: highest.
WARM, LAST = 0.05, 0.1


@dataclass(frozen=True)
class Transformer:
    """a small GPT trained from scratch; its prompts are blocks of its training set (Shumailov et al. 2023)"""

    layers: int = 2
    """number of layers; each layer has attention and a hidden layer"""
    heads: int = 4
    """number of attention heads"""
    width: int = 128
    """number of dimensions of the embedding of a token; it must be a multiple of 2 · heads"""
    epochs: float = 10.0
    """number of passes over the training items"""
    steps: int = 0
    """number of optimizer steps, independent of the number of items, so that all regimes train equally long; 0: use
    `epochs`"""
    batch: int = 32
    """number of items per optimizer step"""
    rate: float = 2e-3
    """highest learning rate; the rate rises in the first 5 % of the steps, then falls to a tenth along a cosine"""
    temperature: float = 1.0
    """number that divides the logits in sampling; below 1, likely tokens become more likely"""
    top_k: int = 0
    """number of most likely tokens from which a token is sampled; 0: all tokens"""
    top_p: float = 1.0
    """tokens are sampled from the smallest set of most likely tokens with at least this total probability; 1: all
    tokens"""
    beams: int = 0
    """2 or more: beam search with this number of beams, instead of sampling"""
    prompted: bool = True
    """true: the prompt of a new block is a whole training block; false: it is the first token of a training block, and
    the new block starts with it"""
    vocabulary: int = 1024
    """size of the vocabulary, at least the size of the data's vocabulary"""
    device: str = field(default="cpu", compare=False)
    """device that torch uses: `cpu`, `cuda` or `cuda:1`"""

    def __post_init__(self) -> None:
        check_least(1, layers=self.layers, heads=self.heads, batch=self.batch, vocabulary=self.vocabulary)
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width is {self.width} and heads is {self.heads}: use a multiple of 2 · heads = {2 * self.heads} for "
                "width"
            )
        check_above(0, rate=self.rate)
        check_epochs_or_steps(self.epochs, self.steps)
        self.decoding  # noqa: B018 building it checks the settings

    @property
    def decoding(self) -> Decoding:
        """The settings of sampling or beam search."""
        return Decoding(self.temperature, self.top_k, self.top_p, self.beams)

    def fit(self, items: Items, rng: np.random.Generator) -> "TrainedTransformer":
        """Train a new network on `items`, `uint16[n, 1, L]`.

        Raises ValueError for more than one chain, and for tokens outside the vocabulary.
        """
        blocks = self._blocks(items)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        network = TransformerNetwork(self._shape(items.shape[2]), generator).to(self.device)
        train(network, blocks, self.schedule(len(blocks), rng), self.rate)
        return TrainedTransformer(self, network, items[:, 0])

    def restore(self, arrays: Arrays) -> "TrainedTransformer":
        """Return the model whose method `arrays()` returned these arrays.

        It has no training set, so it can evaluate text but not generate text.
        """
        window = int(arrays["window"])
        network = TransformerNetwork(self._shape(window))
        network.load_state_dict({name: torch.from_numpy(arrays[name]) for name in network.state_dict()})
        return TrainedTransformer(self, network.to(self.device), np.empty((0, window), dtype=np.uint16))

    def schedule(self, items: int, rng: np.random.Generator) -> Tensor:
        """Return the indices of the items of each step, `[steps, batch]`.

        They are all items in random order, then all items again in a new random order, and so on.
        """
        steps = self.steps or max(1, round(self.epochs * items / self.batch))
        return torch.from_numpy(shuffled_passes(rng, items, steps * self.batch).reshape(steps, self.batch))

    def _shape(self, window: int) -> TransformerShape:
        return TransformerShape(self.vocabulary, self.layers, self.heads, self.width, window)

    def _blocks(self, items: Items) -> Tensor:
        check_one_line(items)
        check(items, self.vocabulary)
        return torch.from_numpy(items[:, 0].astype(np.int64)).to(self.device)


class TrainedTransformer:
    """A trained network, and its training blocks, which are the prompts for new text."""

    def __init__(self, family: Transformer, network: TransformerNetwork, blocks: Items) -> None:
        self._family, self._network, self._blocks = family, network, blocks

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n blocks, `uint16[n, 1, L]`.

        The prompts are blocks of the training set in random order; they are used again if n is larger than the training
        set. Raises ValueError for a restored model, which has no training set.
        """
        prompts = self.prompts(n, rng)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        at_once = max(1, AT_ONCE // max(1, self._family.beams))
        written = [self._write(prompts[first : first + at_once], generator) for first in range(0, n, at_once)]
        return np.concatenate(written)[:, np.newaxis]

    def prompts(self, n: int, rng: np.random.Generator) -> Items:
        """Return the prompts of n new blocks: whole training blocks `[n, L]`, or their first tokens `[n, 1]`.

        The setting `prompted` of the family decides which.
        """
        if not len(self._blocks):
            raise ValueError(
                "a model that was restored from its arrays has no training set for prompts, so it cannot generate "
                "text: call sample on a model that fit returned"
            )
        rows = shuffled_passes(rng, len(self._blocks), n)
        return self._blocks[rows] if self._family.prompted else self._blocks[rows, :1]

    def losses(self, blocks: Items) -> Floats:
        """Return the loss of each token of the blocks except the first of a block: `[m, C, L − 1]`, in nats."""
        check(blocks, self._family.vocabulary)
        tokens = torch.from_numpy(blocks[:, 0].astype(np.int64)).to(self._family.device)
        return np.concatenate([_losses(self._network, part) for part in torch.split(tokens, AT_ONCE)])[:, np.newaxis]

    def arrays(self) -> Arrays:
        """Return all weights by name, and the window: the number of tokens per block."""
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


def train(network: TransformerNetwork, blocks: Tensor, schedule: Tensor, rate: float) -> None:
    """Train the network to predict the next token at each position of `blocks[m, L]`.

    `schedule[steps, batch]` has the indices of the blocks of each step; `rate` is the highest learning rate.
    """
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
    """Return the learning rate of a step, divided by the highest rate.

    `step` is the number of the step, counted from 0, and `steps` is the number of all steps.
    """
    warm = max(1, round(WARM * steps))
    if step < warm:
        return (step + 1) / warm
    return LAST + (1 - LAST) * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


@torch.no_grad()
def _losses(network: TransformerNetwork, tokens: Tensor) -> Floats:
    logits = network(tokens[:, :-1])
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return losses.view(len(tokens), -1).cpu().numpy().astype(np.float64)
