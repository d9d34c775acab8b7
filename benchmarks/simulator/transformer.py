"""A small GPT: training beside batch 12 with unfused AdamW and beside a bare loop; sampling with cache and without."""

import math
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Bar, Row, alternately
from simulator.families.decoding import Decoding, draw, write
from simulator.families.transformer import Transformer
from simulator.families.transformer_network import Generation, Network, Shape
from simulator.randomness import generator

BLOCK, ITEMS = 64, 960
NEW, ROWS = 64, 256
SMALL_BATCH = 12
FAMILY = Transformer()
SHAPE = Shape(FAMILY.vocabulary, FAMILY.layers, FAMILY.heads, FAMILY.width, BLOCK)


def rows(bench: Bench) -> Iterator[Row]:
    """The four bars: two of training, two of sampling."""
    yield from _training(bench.sizes.times)
    yield from _sampling(bench.sizes.times)


def _training(times: int) -> Iterator[Row]:
    what = f"small GPT: training, batch {FAMILY.batch}, fused AdamW"
    ours, small, bare = alternately(times, lambda _: _ours(), lambda _: _small(), lambda _: _bare())
    note = f"{_parameters():,} parameters, blocks of {BLOCK}"
    against = f"{note}; beside batch {SMALL_BATCH}, unfused"
    yield Row(f"{what}, of batch 12", "-", ours, "tokens/s", small, Bar("ratio", ">=", 1.2), against)
    bar = Bar("ratio", ">=", 1 / 1.1)
    yield Row(f"{what}, of a bare loop", "-", ours, "tokens/s", bare, bar, f"{note}; beside a bare torch loop")


def _sampling(times: int) -> Iterator[Row]:
    what = f"small GPT: sampling, batch {ROWS}, {NEW} new tokens"
    network, prompts = Network(SHAPE, _torch()), torch.from_numpy(_blocks()[:ROWS])
    cached, whole = alternately(
        times, lambda _: _rate(lambda: with_cache(network, prompts)), lambda _: _rate(lambda: without(network, prompts))
    )
    yield Row(what, "-", cached, "tokens/s", whole, Bar("ratio", ">=", 10.0), "beside the same without cache")
    away = most_apart(network, prompts)
    yield Row("small GPT: logits with cache and without", "-", (away,), "apart", (), Bar("figure", "<=", 1e-5))


def with_cache(network: Network, prompts: Tensor) -> Tensor:
    """As the family writes."""
    return write(Generation(network, BLOCK + NEW), prompts, NEW, Decoding(), _torch())


@torch.no_grad()
def without(network: Network, prompts: Tensor) -> Tensor:
    """The same, reading everything again for each token."""
    tokens, stream = prompts, _torch()
    for _ in range(NEW):
        tokens = torch.cat([tokens, draw(network(tokens, last=True)[:, 0], Decoding(), stream)[:, None]], dim=1)
    return tokens[:, prompts.shape[1] :]


@torch.no_grad()
def most_apart(network: Network, prompts: Tensor) -> float:
    """The largest difference of any logit along one text that both read."""
    text = torch.cat([prompts, torch.from_numpy(_blocks()[:ROWS][:, :NEW])], dim=1)
    whole = network(text)[:, BLOCK - 1 :]
    steps = Generation(network, BLOCK + NEW)
    read = [steps.begin(prompts), *(steps.step(text[:, place]) for place in range(BLOCK, BLOCK + NEW))]
    return float((torch.stack(read, dim=1) - whole).abs().max())


def _ours() -> float:
    """Tokens a second of the family's `fit`."""
    items = _blocks()[:, np.newaxis].astype(np.uint16)
    one = Transformer(epochs=1)
    return _rate(lambda: one.fit(items, generator(0, "training")), ITEMS * BLOCK)


def _small() -> float:
    """The same network at batch 12, each parameter's update on its own."""
    network, blocks = Network(SHAPE, _torch()), torch.from_numpy(_blocks())
    optimizer = torch.optim.AdamW(network.parameters(), lr=FAMILY.rate, betas=(0.9, 0.95), foreach=False, fused=False)
    return _rate(lambda: _loop(network, optimizer, blocks, SMALL_BATCH), ITEMS * BLOCK)


def _bare() -> float:
    """A network of torch's own modules with the same arithmetic, in the plainest loop."""
    network, blocks = Plain(SHAPE), torch.from_numpy(_blocks())
    optimizer = torch.optim.AdamW(network.parameters(), lr=FAMILY.rate, betas=(0.9, 0.95), fused=True)
    return _rate(lambda: _loop(network, optimizer, blocks, FAMILY.batch), ITEMS * BLOCK)


def _loop(network: nn.Module, optimizer: torch.optim.Optimizer, blocks: Tensor, batch: int) -> None:
    for step in range(ITEMS // batch):
        optimizer.param_groups[0]["lr"] = FAMILY.rate * (1 + math.cos(math.pi * step * batch / ITEMS)) / 2
        seen = blocks[step * batch : (step + 1) * batch]
        loss = F.cross_entropy(network(seen[:, :-1]).flatten(0, 1), seen[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()


class PlainLayer(nn.Module):
    """A layer of `Plain`."""

    def __init__(self, shape: Shape) -> None:
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
        shifted: Tensor = x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))
        return shifted


class Plain(nn.Module):
    """A GPT as anybody would write it."""

    def __init__(self, shape: Shape) -> None:
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


def _rate(work: Callable[[], object], tokens: int = ROWS * NEW) -> float:
    started = perf_counter()
    work()
    return tokens / (perf_counter() - started)


def _blocks() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return generator(0, "blocks").integers(0, FAMILY.vocabulary, (ITEMS, BLOCK))


def _torch() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _parameters() -> int:
    return sum(parameter.numel() for parameter in Network(SHAPE).parameters())
