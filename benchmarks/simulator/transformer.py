"""Train and sample a small GPT.

Training is compared with a batch size of 12 and AdamW that is not fused, and with a plain torch loop. Sampling with a
cache is compared with sampling without a cache.
"""

import math
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.bench import Bench
from benchmarks.harness.report import BenchmarkRow, Target, alternate
from simulator.families.decoding import Decoding, draw, write
from simulator.families.transformer import Transformer
from simulator.families.transformer_network import Generation, TransformerNetwork, TransformerShape
from simulator.randomness import generator

BLOCK, ITEMS = 64, 960
NEW_TOKENS, TEXTS = 64, 256
SMALL_BATCH = 12
FAMILY = Transformer()
SHAPE = TransformerShape(FAMILY.vocabulary, FAMILY.layers, FAMILY.heads, FAMILY.width, BLOCK)


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure training, then sampling."""
    yield from _training(bench.sizes.times)
    yield from _sampling(bench.sizes.times)


def _training(times: int) -> Iterator[BenchmarkRow]:
    task = f"small GPT: train, batch {FAMILY.batch}, fused AdamW"
    ours, small, plain = alternate(times, lambda _: _fit(), lambda _: _train_small_batches(), lambda _: _train_plain())
    note = f"{_parameters():,} parameters, blocks of {BLOCK}"
    for name, baselines, target, baseline in (
        ("compared with batch 12", small, Target("ratio", ">=", 1.2), f"batch {SMALL_BATCH}, not fused"),
        ("compared with plain torch", plain, Target("ratio", ">=", 1 / 1.1), "plain torch loop"),
    ):
        yield BenchmarkRow(f"{task}, {name}", "-", ours, "tokens/s", baselines, target, f"{note}; baseline: {baseline}")


def _sampling(times: int) -> Iterator[BenchmarkRow]:
    task = f"small GPT: sample, batch {TEXTS}, {NEW_TOKENS} new tokens"
    network, prompts = TransformerNetwork(SHAPE, _torch()), torch.from_numpy(_blocks()[:TEXTS])
    cached, uncached = alternate(
        times,
        lambda _: _rate(lambda: with_cache(network, prompts)),
        lambda _: _rate(lambda: without_cache(network, prompts)),
    )
    target = Target("ratio", ">=", 10.0)
    yield BenchmarkRow(task, "-", cached, "tokens/s", uncached, target, "baseline: the same without cache")
    difference = greatest_difference(network, prompts)
    name = "small GPT: logits with cache and without, difference"
    yield BenchmarkRow(name, "-", (difference,), "logits", (), Target("value", "<=", 1e-5))


def with_cache(network: TransformerNetwork, prompts: Tensor) -> Tensor:
    """Sample new tokens as the family does, with a cache."""
    return write(Generation(network, BLOCK + NEW_TOKENS), prompts, NEW_TOKENS, Decoding(), _torch())


@torch.no_grad()
def without_cache(network: TransformerNetwork, prompts: Tensor) -> Tensor:
    """Sample the same tokens without a cache: the network reads the whole text again for each token."""
    tokens, stream = prompts, _torch()
    for _ in range(NEW_TOKENS):
        tokens = torch.cat([tokens, draw(network(tokens, last=True)[:, 0], Decoding(), stream)[:, None]], dim=1)
    return tokens[:, prompts.shape[1] :]


@torch.no_grad()
def greatest_difference(network: TransformerNetwork, prompts: Tensor) -> float:
    """Return the largest difference of a logit with and without cache, for the same texts."""
    text = torch.cat([prompts, torch.from_numpy(_blocks()[:TEXTS][:, :NEW_TOKENS])], dim=1)
    whole = network(text)[:, BLOCK - 1 :]
    steps = Generation(network, BLOCK + NEW_TOKENS)
    read = [steps.begin(prompts), *(steps.step(text[:, column]) for column in range(BLOCK, BLOCK + NEW_TOKENS))]
    return float((torch.stack(read, dim=1) - whole).abs().max())


def _fit() -> float:
    """Return the tokens per second of `Transformer.fit`."""
    items = _blocks()[:, np.newaxis].astype(np.uint16)
    family = Transformer(epochs=1)
    return _rate(lambda: family.fit(items, generator(0, "training")), ITEMS * BLOCK)


def _train_small_batches() -> float:
    """Return the tokens per second of the same network with batches of 12 and a separate update per parameter."""
    network, blocks = TransformerNetwork(SHAPE, _torch()), torch.from_numpy(_blocks())
    optimizer = torch.optim.AdamW(network.parameters(), lr=FAMILY.rate, betas=(0.9, 0.95), foreach=False, fused=False)
    return _rate(lambda: _loop(network, optimizer, blocks, SMALL_BATCH), ITEMS * BLOCK)


def _train_plain() -> float:
    """Return the tokens per second of a network of standard torch modules with the same arithmetic, in a plain loop."""
    network, blocks = PlainTransformer(SHAPE), torch.from_numpy(_blocks())
    optimizer = torch.optim.AdamW(network.parameters(), lr=FAMILY.rate, betas=(0.9, 0.95), fused=True)
    return _rate(lambda: _loop(network, optimizer, blocks, FAMILY.batch), ITEMS * BLOCK)


def _loop(network: nn.Module, optimizer: torch.optim.Optimizer, blocks: Tensor, batch: int) -> None:
    for step in range(ITEMS // batch):
        optimizer.param_groups[0]["lr"] = FAMILY.rate * (1 + math.cos(math.pi * step * batch / ITEMS)) / 2
        batch_blocks = blocks[step * batch : (step + 1) * batch]
        loss = F.cross_entropy(network(batch_blocks[:, :-1]).flatten(0, 1), batch_blocks[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()


class PlainLayer(nn.Module):
    """A layer of `PlainTransformer`."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.heads, width = shape.heads, shape.width
        self.first, self.second = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.joined, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        b, t, width = x.shape
        q, k, v = self.joined(self.first(x)).view(b, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k = (torch.cat([a * cos - c * sin, a * sin + c * cos], -1) for a, c in (q.chunk(2, -1), k.chunk(2, -1)))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, width))
        output: Tensor = x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))
        return output


class PlainTransformer(nn.Module):
    """A GPT without any optimization."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.layers = nn.ModuleList(PlainLayer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, bias=False)
        size = shape.width // shape.heads
        angles = torch.arange(shape.window)[:, None] * 10_000.0 ** (-torch.arange(0, size, 2) / size)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens: Tensor) -> Tensor:
        cos, sin = self.get_buffer("cos")[: tokens.shape[1]], self.get_buffer("sin")[: tokens.shape[1]]
        x = self.tokens(tokens)
        for layer in self.layers:
            x = layer(x, cos, sin)
        logits: Tensor = F.linear(self.norm(x), self.tokens.weight)
        return logits


def _rate(work: Callable[[], object], tokens: int = TEXTS * NEW_TOKENS) -> float:
    started = perf_counter()
    work()
    return tokens / (perf_counter() - started)


def _blocks() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return generator(0, "blocks").integers(0, FAMILY.vocabulary, (ITEMS, BLOCK))


def _torch() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _parameters() -> int:
    return sum(parameter.numel() for parameter in TransformerNetwork(SHAPE).parameters())
