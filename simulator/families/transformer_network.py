"""A small GPT: causal self-attention over a window, rotary positions, pre-norm, tied embeddings.

Positions are rotations of queries and keys (Su et al. 2021), so only distances within the window matter. Every such
distance occurs in training on blocks. So the network can continue a block with another block, as the prompts of
Shumailov et al. 2023 require.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TransformerShape(NamedTuple):
    """The sizes of a transformer network."""

    vocabulary: int
    layers: int
    heads: int
    width: int
    window: int
    """number of positions that a token attends to: its own position, and the positions before it"""


class KeyValueCache:
    """A cache of the attention keys and values of all positions so far, `[layers, 2, B, H, longest, width / H]`.

    B is the number of sequences, H the number of heads, and `longest` the largest number of positions.
    """

    def __init__(self, shape: TransformerShape, rows: int, longest: int, like: Tensor) -> None:
        self._held = like.new_empty(shape.layers, 2, rows, shape.heads, longest, shape.width // shape.heads)
        self._window = shape.window
        self.length = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of t new positions to a layer, `[B, H, t, width / H]` each.

        Return the keys and values of all positions to which the new positions attend. This does not change `length`.
        """
        end = self.length + keys.shape[2]
        self._held[layer, 0, :, :, self.length : end] = keys
        self._held[layer, 1, :, :, self.length : end] = values
        first = max(0, self.length + 1 - self._window)
        return self._held[layer, 0, :, :, first:end], self._held[layer, 1, :, :, first:end]

    def keep(self, rows: Tensor) -> None:
        """Keep only the sequences with the indices `rows`, in this order.

        An index may occur more than once (beam search).
        """
        self._held = self._held[:, :, rows]


class _TransformerLayer(nn.Module):
    """A layer: attention, then a hidden layer four times as wide. The output of each is added to its input."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.heads, self.window = shape.heads, shape.window
        self.norm_attention = nn.Parameter(torch.empty(shape.width))
        self.joined = nn.Parameter(torch.empty(3 * shape.width, shape.width))
        self.out = nn.Parameter(torch.empty(shape.width, shape.width))
        self.norm_hidden = nn.Parameter(torch.empty(shape.width))
        self.up = nn.Parameter(torch.empty(4 * shape.width, shape.width))
        self.down = nn.Parameter(torch.empty(shape.width, 4 * shape.width))

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: KeyValueCache | None, layer: int) -> Tensor:
        x = x + self._attend(_norm(x, self.norm_attention), turn, cache, layer)
        hidden = F.gelu(F.linear(_norm(x, self.norm_hidden), self.up), approximate="tanh")
        return x + F.linear(hidden, self.down)

    def _attend(self, x: Tensor, turn: tuple[Tensor, Tensor], cache: KeyValueCache | None, layer: int) -> Tensor:
        rows, new, width = x.shape
        joined = F.linear(x, self.joined).view(rows, new, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys = _turned(joined[:2], turn)
        values = joined[2]
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)
        mixed = _attention(queries, keys, values, self.window)
        return F.linear(mixed.transpose(1, 2).reshape(rows, new, width), self.out)


class TransformerNetwork(nn.Module):
    """A network that computes, at each position, the logits of the next token from the tokens so far."""

    def __init__(self, shape: TransformerShape, generator: torch.Generator | None = None) -> None:
        """Draw the weights from normal distributions with mean 0 and standard deviation 0.02.

        If the output of a matrix is added to the input of its layer, the standard deviation of its weights is
        0.02/√(2 · layers) (Radford et al. 2019). The weights of normalizations are 1.
        """
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.empty(shape.vocabulary, shape.width))
        self.layers = nn.ModuleList(_TransformerLayer(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.empty(shape.width))
        for name, parameter in self.named_parameters():
            if "norm" in name:
                nn.init.ones_(parameter)
            else:
                adds_up = name.endswith(("out", "down"))
                scale = (2 * shape.layers) ** -0.5 if adds_up else 1.0
                nn.init.normal_(parameter, std=0.02 * scale, generator=generator)
        cos, sin = _rotations(2 * shape.window, shape.width // shape.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens: Tensor, cache: KeyValueCache | None = None, *, last: bool = False) -> Tensor:
        """Return the logits of the next token after each token of `tokens[B, T]`: `[B, T, V]`.

        If `last` is true, return only the logits after the last token: `[B, 1, V]`. If `cache` is given, `tokens`
        continue the sequences in the cache, and they are added to it. The cache must have space for them.
        """
        start = 0 if cache is None else cache.length
        end = start + tokens.shape[1]
        turn = self.get_buffer("cos")[start:end], self.get_buffer("sin")[start:end]
        x = F.embedding(tokens, self.embedding)
        for number, layer in enumerate(self.layers):
            x = layer(x, turn, cache, number)
        if cache is not None:
            cache.length = end
        return F.linear(_norm(x[:, -1:] if last else x, self.norm), self.embedding)


class Generation:
    """A network that generates text token by token, with a cache (`simulator.families.decoding.Steps`)."""

    def __init__(self, network: TransformerNetwork, longest: int) -> None:
        self._network, self._longest = network, longest
        self._cache: KeyValueCache | None = None

    def begin(self, prompts: Tensor) -> Tensor:
        """Read `prompts[B, T]`, with T at most the window; return the logits of the next tokens, `[B, V]`."""
        self._cache = KeyValueCache(self._network.shape, len(prompts), self._longest, self._network.embedding)
        return self._read(prompts)

    def step(self, tokens: Tensor) -> Tensor:
        """Read one more token per sequence, `tokens[B]`; return the logits of the next tokens, `[B, V]`."""
        return self._read(tokens[:, None])

    def keep(self, rows: Tensor) -> None:
        """Keep only the sequences with the indices `rows`, in this order.

        An index may occur more than once (beam search).
        """
        assert self._cache is not None, "no prompts were read: call begin(prompts) before step or keep"
        self._cache.keep(rows)

    def _read(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self._network(tokens, self._cache, last=True)
        return logits[:, 0]


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    return F.layer_norm(x, weight.shape, weight)


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Return `x[…, T, d]`, in which coordinates i and i + d/2 are rotated together by an angle of the position."""
    cos, sin = turn
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def _attention(queries: Tensor, keys: Tensor, values: Tensor, window: int) -> Tensor:
    """Return the attention of the last t of T positions to the positions in their window.

    `queries[B, H, t, d]`; `keys` and `values[B, H, T, d]`.
    """
    new, seen = queries.shape[2], keys.shape[2]
    if new == 1:
        return F.scaled_dot_product_attention(queries, keys, values)
    if new == seen <= window:
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    at = torch.arange(seen, device=queries.device)
    away = at[seen - new :, None] - at
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=(away >= 0) & (away < window))


def _rotations(positions: int, size: int) -> tuple[Tensor, Tensor]:
    """Return the cosines and the sines of the angles of each position, `[positions, size / 2]` each."""
    rates = 10_000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * rates
    return angles.cos().float(), angles.sin().float()
