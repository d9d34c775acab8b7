"""Variational autoencoders of images (Kingma and Welling 2013, 1312.6114).

There are two networks: that of Shumailov et al. 2023, and a small one. Chains are trained together. Each chain has its
own items and its own stream of random numbers. So the model of a chain does not depend on the number of chains, except
for rounding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from simulator.families.autoencoder import Autoencoder, bound, ink_of
from simulator.families.base import Arrays, Items
from simulator.families.networks import AutoencoderNetwork, Convolutional, Parameters, Perceptron, begin
from simulator.ranges import check_above, check_least

Kind = Literal["small", "paper"]


class TrainingSettings(NamedTuple):
    """The settings whose defaults depend on the network. Either `epochs` or `steps` is 0, and the other one is used."""

    latent: int
    epochs: int
    steps: int
    batch: int
    rate: float
    bits: int


_DEFAULTS: dict[Kind, TrainingSettings] = {
    "small": TrainingSettings(latent=12, epochs=0, steps=2000, batch=50, rate=5e-3, bits=16),
    "paper": TrainingSettings(latent=20, epochs=30, steps=0, batch=256, rate=1e-3, bits=1),
}


@dataclass(frozen=True)
class VAE:
    """a variational autoencoder per chain, for pictures with one byte per pixel"""

    network: Kind = "small"
    """`small`: a network with one hidden layer in the encoder and one in the decoder; `paper`: the convolutional
    network of Shumailov et al., for 28 × 28 pixels"""
    latent: int | None = None
    """number of dimensions of a code; by default 12 for network=small, 20 for network=paper"""
    hidden: int = 128
    """width of the hidden layers; only for network=small"""
    epochs: int | None = None
    """number of passes over the training items; by default 30 for network=paper"""
    steps: int | None = None
    """number of minibatches, independent of the number of items; replaces `epochs`; by default 2,000 for
    network=small"""
    batch: int | None = None
    """number of items per minibatch; by default 50 for network=small, 256 for network=paper"""
    rate: float | None = None
    """step size of the optimizer Adam; by default 0.005 for network=small, 0.001 for network=paper"""
    bits: int | None = None
    """number of black or white points whose mean is the value of a pixel; it is the weight of a pixel in the loss.
    By default 16 for network=small, because the pixels of the digits are counts in blocks of 4 × 4 points (Alpaydin
    and Kaynak 1998), and 1 for network=paper"""
    decay: float = 1e-5
    """weight decay of the optimizer Adam, which is added to the gradient"""
    device: str = field(default="cpu", compare=False)
    """device that torch uses: `cpu`, `cuda` or `cuda:1`; only `cpu` gives the same bytes each time"""

    def __post_init__(self) -> None:
        if self.steps is not None and self.epochs is not None:
            raise ValueError(f"steps is {self.steps} and epochs is {self.epochs}: set only one of them")
        chosen = self.settings
        check_least(1, latent=chosen.latent, hidden=self.hidden, batch=chosen.batch, bits=chosen.bits)
        check_least(1, **{"epochs" if self.steps is None else "steps": chosen.epochs + chosen.steps})
        check_above(0, rate=chosen.rate)
        check_least(0, decay=self.decay)

    def fit(self, items: Items, rng: np.random.Generator) -> Autoencoder:
        """Train the network of each chain on `items[n, C, pixels]`. `rng` seeds a stream of random numbers per chain.

        Raises ValueError if items are not pictures of the network's size, if the device does not exist, and if training
        diverges.
        """
        if items.dtype != np.uint8:
            raise ValueError(
                "the family vae needs pictures with one byte per pixel (uint8), but these data are "
                f"{items.dtype}: set the data to `pixels` or `idx:FOLDER`, for example --data pixels"
            )
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(
                f"device={self.device} cannot be used, because this machine has no CUDA device: use device=cpu"
            )
        network = self._network(items.shape[2])
        streams = [torch.Generator().manual_seed(int(rng.integers(2**63))) for _ in range(items.shape[1])]
        parameters = {name: values.to(self.device) for name, values in begin(network, streams).items()}
        self._train(network, parameters, ink_of(items).to(self.device), streams)
        if not all(values.isfinite().all() for values in parameters.values()):
            raise ValueError(
                f"training diverged with rate={self.settings.rate:g}: use a smaller rate, such as "
                f"rate={self.settings.rate / 10:g}"
            )
        return Autoencoder(network, parameters, self.settings.bits)

    def restore(self, arrays: Arrays) -> Autoencoder:
        """Return the trained autoencoders whose method `arrays()` returned these arrays."""
        parameters = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        pixels = 28 * 28 if self.network == "paper" else parameters["ink.bias"].shape[1]
        return Autoencoder(self._network(pixels), parameters, self.settings.bits)

    @property
    def settings(self) -> TrainingSettings:
        """All settings of training: the given ones, and for the others the defaults of the network."""
        given = {name: getattr(self, name) for name in TrainingSettings._fields if getattr(self, name) is not None}
        defaults = _DEFAULTS[self.network]
        if self.steps is not None or self.epochs is not None:
            defaults = defaults._replace(steps=0, epochs=0)
        return defaults._replace(**given)

    def _network(self, pixels: int) -> AutoencoderNetwork:
        if self.network == "small":
            return Perceptron(pixels, self.settings.latent, self.hidden)
        if pixels != 28 * 28:
            raise ValueError(f"network=paper needs 28 × 28 pixels, and the data has {pixels}: use network=small")
        return Convolutional(self.settings.latent)

    def _train(
        self, network: AutoencoderNetwork, parameters: Parameters, ink: Tensor, streams: Sequence[torch.Generator]
    ) -> None:
        """Minimize the sum of the bounds of all chains.

        Chains stay independent: the gradient of the sum is the gradient of each chain, and Adam works elementwise.
        """
        trained, bits = list(parameters.values()), self.settings.bits
        for values in trained:
            values.requires_grad_()
        optimizer = torch.optim.Adam(trained, self.settings.rate, weight_decay=self.decay, fused=True)
        for batch, noise in self._minibatches(ink, streams):
            optimizer.zero_grad()
            torch.autograd.backward(bound(network, parameters, batch, noise, bits).sum())
            optimizer.step()
        for values in trained:
            values.requires_grad_(False)

    def _minibatches(self, ink: Tensor, streams: Sequence[torch.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield minibatches of `ink[C, n, pixels]`, with the noise of their codes. Each chain has its own order."""
        n, chosen = ink.shape[1], self.settings
        a_pass = -(-n // chosen.batch)
        for step in range(chosen.steps or chosen.epochs * a_pass):
            number = step % a_pass
            if number == 0:
                orders = [torch.randperm(n, generator=stream).to(ink.device) for stream in streams]
                shuffled = torch.stack([rows[order] for rows, order in zip(ink, orders, strict=True)])
                draws = [torch.randn(n, chosen.latent, generator=stream) for stream in streams]
                noise = torch.stack(draws).to(ink.device)
            batch = slice(number * chosen.batch, (number + 1) * chosen.batch)
            yield shuffled[:, batch], noise[:, batch]
