"""Variational autoencoders of images (Kingma and Welling 2013, 1312.6114): Shumailov et al.'s, and a small one.

Chains are trained together, each on its own items by its own stream of random numbers: a chain's model does not depend
on how many others are trained beside it, but for the rounding of sums.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from simulator.families.autoencoder import Autoencoder, bound, ink_of
from simulator.families.base import Arrays, Items
from simulator.families.networks import Convolutional, Network, Parameters, Perceptron, begin

Kind = Literal["small", "paper"]


class Settings(NamedTuple):
    """What each network has a usual value of; of epochs and steps one is 0."""

    latent: int
    epochs: int
    steps: int
    batch: int
    rate: float
    bits: int


_USUAL: dict[Kind, Settings] = {
    "small": Settings(latent=12, epochs=0, steps=2000, batch=50, rate=5e-3, bits=16),
    "paper": Settings(latent=20, epochs=30, steps=0, batch=256, rate=1e-3, bits=1),
}


@dataclass(frozen=True)
class VAE:
    """A variational autoencoder a chain, of pictures: bytes, one a pixel."""

    network: Kind = "small"
    """`small`: one hidden layer on either side. `paper`: Shumailov et al.'s convolutions, for 28 × 28 pixels alone"""
    latent: int | None = None
    """dimensions of a code; small has 12, the paper 20"""
    hidden: int = 128
    """width of the small network's hidden layers"""
    epochs: int | None = None
    """passes over the items; the paper has 30"""
    steps: int | None = None
    """minibatches, in place of epochs: as much training however many items a regime gives; small has 2,000"""
    batch: int | None = None
    """items of a minibatch; small has 50, the paper 256"""
    rate: float | None = None
    """Adam's step size; small has 0.005, the paper 0.001"""
    bits: int | None = None
    """black or white points that a pixel is the mean of, and so how much it counts against the code; small has 16, for
    the digits' pixels are counts in blocks of 4 × 4 points (Alpaydin and Kaynak 1998), the paper 1"""
    decay: float = 1e-5
    """Adam's weight decay, added to the gradient"""
    device: str = field(default="cpu", compare=False)
    """where it is trained; the same bytes each time are promised of `cpu` alone"""

    def __post_init__(self) -> None:
        chosen = self.settings
        if min(self.hidden, chosen.latent, chosen.batch, chosen.bits, chosen.epochs + chosen.steps) < 1:
            raise ValueError(f"{self} is impossible: latent, hidden, epochs, steps, batch and bits are 1 or more")
        if chosen.rate <= 0 or self.decay < 0:
            raise ValueError(f"{self} is impossible: the rate is above 0, and the decay not below")
        if self.steps is not None and self.epochs is not None:
            raise ValueError(f"{self} is impossible: say how many steps, or how many epochs, and not both")

    def fit(self, items: Items, rng: np.random.Generator) -> Autoencoder:
        """Train each chain's network on `items[n, C, pixels]`, by a stream of its own that `rng` seeds.

        Raises ValueError for items that are no pictures of the network's size, for a device that is not there, and
        where training diverges.
        """
        if items.dtype != np.uint8:
            raise ValueError(
                f"a VAE is of pictures, bytes a pixel, not of {items.dtype}: use data such as pixels or idx"
            )
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError("there is no CUDA device here: leave out device=cuda")
        network = self._network(items.shape[2])
        streams = [torch.Generator().manual_seed(int(rng.integers(2**63))) for _ in range(items.shape[1])]
        parameters = {name: one.to(self.device) for name, one in begin(network, streams).items()}
        self._train(network, parameters, ink_of(items).to(self.device), streams)
        if not all(one.isfinite().all() for one in parameters.values()):
            raise ValueError(f"training diverged at a rate of {self.settings.rate:g}: lower it")
        return Autoencoder(network, parameters, self.settings.bits)

    def restore(self, arrays: Arrays) -> Autoencoder:
        """The model whose `arrays()` these are."""
        parameters = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        pixels = 28 * 28 if self.network == "paper" else parameters["ink.bias"].shape[1]
        return Autoencoder(self._network(pixels), parameters, self.settings.bits)

    @property
    def settings(self) -> Settings:
        """Those that were given, and the network's usual ones."""
        given = {name: getattr(self, name) for name in Settings._fields if getattr(self, name) is not None}
        usual = _USUAL[self.network]
        if self.steps is not None or self.epochs is not None:
            usual = usual._replace(steps=0, epochs=0)
        return usual._replace(**given)

    def _network(self, pixels: int) -> Network:
        if self.network == "small":
            return Perceptron(pixels, self.settings.latent, self.hidden)
        if pixels != 28 * 28:
            raise ValueError(f"the paper's network is for 28 × 28 pixels, and these are {pixels}: use network=small")
        return Convolutional(self.settings.latent)

    def _train(self, network: Network, parameters: Parameters, ink: Tensor, streams: Sequence[torch.Generator]) -> None:
        """Lower every chain's bound: their sum has each chain's own gradient, and Adam works number by number."""
        trained, bits = list(parameters.values()), self.settings.bits
        for one in trained:
            one.requires_grad_()
        optimizer = torch.optim.Adam(trained, self.settings.rate, weight_decay=self.decay, fused=True)
        for batch, noise in self._minibatches(ink, streams):
            optimizer.zero_grad()
            torch.autograd.backward(bound(network, parameters, batch, noise, bits).sum())
            optimizer.step()
        for one in trained:
            one.requires_grad_(False)

    def _minibatches(self, ink: Tensor, streams: Sequence[torch.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
        """Minibatches of `ink[C, n, pixels]` and the noise of their codes; each chain has an order of its own."""
        n, chosen = ink.shape[1], self.settings
        a_pass = -(-n // chosen.batch)
        for step in range(chosen.steps or chosen.epochs * a_pass):
            place = step % a_pass
            if place == 0:
                orders = [torch.randperm(n, generator=one).to(ink.device) for one in streams]
                shuffled = torch.stack([rows[order] for rows, order in zip(ink, orders, strict=True)])
                noise = torch.stack([torch.randn(n, chosen.latent, generator=one) for one in streams]).to(ink.device)
            some = slice(place * chosen.batch, (place + 1) * chosen.batch)
            yield shuffled[:, some], noise[:, some]
