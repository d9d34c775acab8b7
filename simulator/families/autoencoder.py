"""Trained variational autoencoders: they generate images, encode images, and bound the likelihood of images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from simulator.families.base import Arrays, Floats, Items, Points
from simulator.families.networks import AutoencoderNetwork, Parameters
from simulator.randomness import generator

#: The largest number of items that a trained network processes at once.
_ROWS = 1000
#: The number of codes that are drawn per item for the bound on its likelihood.
_DRAWS = 2


def bound(network: AutoencoderNetwork, parameters: Parameters, ink: Tensor, noise: Tensor, bits: int) -> Tensor:
    """Return the negative evidence lower bound of each image in `ink[C, B, pixels]`, in nats: `[C, B]`.

    C is the number of chains, B the number of images. A pixel has a value from 0 to 1, the mean of `bits` points that
    are black or white. The code of an image is μ + σ · `noise`, with `noise[C, B, latent]`. The bound is the
    cross-entropy of the pixels plus the divergence KL(N(μ, σ²) ‖ N(0, I)) (Kingma and Welling 2013, equation 10).
    Binomial coefficients are omitted, because they do not depend on the model.
    """
    mean, log_variance = network.encode(parameters, ink)
    logits = network.decode(parameters, mean + torch.exp(log_variance / 2) * noise)
    error = functional.binary_cross_entropy_with_logits(logits, ink, reduction="none").sum(dim=2)
    divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=2) / 2
    return bits * error + divergence


@dataclass(frozen=True)
class Autoencoder:
    """The trained autoencoders of C chains: one network, and its parameters, each of shape `[C, …]`."""

    network: AutoencoderNetwork
    parameters: Parameters
    bits: int
    """number of black or white points whose mean is the value of a pixel"""

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        """Generate n images, `uint8[n, C, pixels]`.

        Codes are drawn from N(0, I) and decoded to mean pixels, which are rounded to bytes.
        """
        codes = rng.standard_normal((n, self._chains, self.network.latent), dtype=np.float32)
        return np.concatenate([self._means(part) for part in _parts(codes)])

    def encode(self, items: Items) -> Floats:
        """Return the mean μ of the code of each item, `float64[n, C, latent]`."""
        return np.concatenate([self._codes(part) for part in _parts(items)])

    def negative_elbo(self, points: Points) -> Floats:
        """Return an upper bound on the negative log-likelihood of images for each chain: `[m, C]`, in nats.

        `points[m, pixels]` are the images. The bound is averaged over drawn codes. The random numbers are always the
        same, so that models can be compared.
        """
        rng = generator(0, "codes of the bound")
        items = np.broadcast_to(points[:, np.newaxis], (len(points), self._chains, points.shape[1]))
        return np.concatenate([self._bounds(part, rng) for part in _parts(items)])

    def arrays(self) -> Arrays:
        """Return all parameters by name, `float32[C, …]`."""
        return {name: values.numpy(force=True) for name, values in self.parameters.items()}

    def _means(self, codes: npt.NDArray[np.float32]) -> Items:
        with torch.no_grad():
            means = torch.sigmoid(self.network.decode(self.parameters, self._placed(chains_first(codes))))
        return _items_first((255 * means).round().to(torch.uint8))

    def _codes(self, items: Items) -> Floats:
        with torch.no_grad():
            mean, _ = self.network.encode(self.parameters, self._placed(ink_of(items)))
        return _items_first(mean).astype(np.float64)

    def _bounds(self, items: Items, rng: np.random.Generator) -> Floats:
        n, chains, _ = items.shape
        noise = rng.standard_normal((_DRAWS, 1, n, self.network.latent), dtype=np.float32).repeat(chains, axis=1)
        ink = self._placed(ink_of(items))
        with torch.no_grad():
            draws = [
                bound(self.network, self.parameters, ink, self._placed(torch.from_numpy(d)), self.bits) for d in noise
            ]
        return _items_first(torch.stack(draws).mean(dim=0)).astype(np.float64)

    @property
    def _chains(self) -> int:
        return len(next(iter(self.parameters.values())))

    def _placed(self, values: Tensor) -> Tensor:
        return values.to(next(iter(self.parameters.values())).device)


def ink_of(items: Items) -> Tensor:
    """Convert pixels `[n, C, pixels]` from 0 to 255 to values from 0 to 1, `float32[C, n, pixels]`."""
    return chains_first(items.astype(np.float32) / np.float32(255))


def chains_first(items: npt.NDArray[np.float32]) -> Tensor:
    """Return an array `[n, C, …]` with its first two axes exchanged: `[C, n, …]`."""
    return torch.from_numpy(np.ascontiguousarray(items.swapaxes(0, 1)))


def _items_first(values: Tensor) -> Items:
    """Return an array `[C, n, …]` with its first two axes exchanged: `[n, C, …]`."""
    return np.ascontiguousarray(values.numpy(force=True).swapaxes(0, 1))


def _parts(items: Items) -> list[Items]:
    """Return the items in parts that are small enough for their activations to fit into memory."""
    return [items[first : first + _ROWS] for first in range(0, len(items), _ROWS)]
