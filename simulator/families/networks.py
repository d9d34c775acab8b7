"""The encoders and decoders of variational autoencoders, C chains at once.

A network is its layers' shapes and two functions of its parameters. Every parameter has the chains as its first axis,
so that C networks of one shape are trained by a batched matrix product a layer, or a grouped convolution: at these
sizes most of a step is the cost of starting it, whatever it multiplies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

#: By layer, `weight` and `bias`: `encoder.weight` and so on, `[C, …]` each.
Parameters: TypeAlias = dict[str, Tensor]
#: Means and logarithms of the variances of codes, `[C, B, latent]` each.
Code: TypeAlias = tuple[Tensor, Tensor]


class Layer(NamedTuple):
    """A layer's parameters, without the chains' axis."""

    weight: tuple[int, ...]
    bias: int
    fan_in: int
    """values that each of its outputs sums over, as torch counts them"""


class Network(Protocol):
    """An encoder to Gaussian codes and a decoder to pixels."""

    @property
    def latent(self) -> int:
        """Dimensions of a code."""
        ...

    @property
    def layers(self) -> Mapping[str, Layer]:
        """Every layer by name."""
        ...

    def encode(self, parameters: Parameters, ink: Tensor) -> Code:
        """The codes of `ink[C, B, pixels]`, which is from 0 to 1."""
        ...

    def decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        """The log-odds of ink, `[C, B, pixels]`, that `codes[C, B, latent]` stand for."""
        ...


@dataclass(frozen=True)
class Perceptron:
    """One hidden layer on either side: for the 8 × 8 digits."""

    pixels: int
    latent: int
    hidden: int

    @property
    def layers(self) -> Mapping[str, Layer]:
        sizes = {
            "encoder": (self.pixels, self.hidden),
            "code": (self.hidden, 2 * self.latent),
            "decoder": (self.latent, self.hidden),
            "ink": (self.hidden, self.pixels),
        }
        return {name: Layer((inner, outer), outer, inner) for name, (inner, outer) in sizes.items()}

    def encode(self, parameters: Parameters, ink: Tensor) -> Code:
        hidden = functional.relu(dense(parameters, "encoder", ink))
        mean, log_variance = dense(parameters, "code", hidden).chunk(2, dim=2)
        return mean, log_variance

    def decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        return dense(parameters, "ink", functional.relu(dense(parameters, "decoder", codes)))


@dataclass(frozen=True)
class Convolutional:
    """Shumailov et al.'s network for 28 × 28 pixels (2305.17493, section 4.3; their code): 647,081 parameters at 20.

    Every convolution has a kernel of 4, a stride of 2 and a padding of 1, so each halves the side: 28, 14, 7.
    """

    latent: int = 20

    @property
    def layers(self) -> Mapping[str, Layer]:
        flat, kernel = 128 * 7 * 7, (4, 4)
        return {
            "encoder1": Layer((64, 1, *kernel), 64, 1 * 16),
            "encoder2": Layer((128, 64, *kernel), 128, 64 * 16),
            "mean": Layer((flat, self.latent), self.latent, flat),
            "log_variance": Layer((flat, self.latent), self.latent, flat),
            "decoder": Layer((self.latent, flat), flat, self.latent),
            # Of a transposed layer torch takes the second axis for what is summed over.
            "decoder1": Layer((128, 64, *kernel), 64, 64 * 16),
            "decoder2": Layer((64, 1, *kernel), 1, 1 * 16),
        }

    def encode(self, parameters: Parameters, ink: Tensor) -> Code:
        hidden = functional.relu(convolve(parameters, "encoder1", _images(ink, 1, 28)))
        flat = functional.relu(convolve(parameters, "encoder2", hidden)).flatten(2)
        return dense(parameters, "mean", flat), dense(parameters, "log_variance", flat)

    def decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        hidden = _images(functional.relu(dense(parameters, "decoder", codes)), 128, 7)
        hidden = functional.relu(spread(parameters, "decoder1", hidden))
        return spread(parameters, "decoder2", hidden).flatten(2)


def begin(network: Network, generators: Sequence[torch.Generator]) -> Parameters:
    """New parameters, a chain from each generator: uniform in ±1/√fan-in, as torch begins such layers."""
    parameters = {}
    for name, layer in network.layers.items():
        bound = layer.fan_in**-0.5
        for kind, shape in (("weight", layer.weight), ("bias", (layer.bias,))):
            drawn = [torch.empty(shape).uniform_(-bound, bound, generator=one) for one in generators]
            parameters[f"{name}.{kind}"] = torch.stack(drawn)
    return parameters


def dense(parameters: Parameters, name: str, values: Tensor) -> Tensor:
    """Each chain's linear layer: `[C, B, in] → [C, B, out]`."""
    return torch.baddbmm(parameters[f"{name}.bias"].unsqueeze(1), values, parameters[f"{name}.weight"])


def convolve(parameters: Parameters, name: str, images: Tensor) -> Tensor:
    """Each chain's convolution, half the side: `[C, B, in, h, w] → [C, B, out, h/2, w/2]`."""
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    chains = len(images)
    out = functional.conv2d(_grouped(images), weight.flatten(0, 1), bias.flatten(), 2, 1, groups=chains)
    return _apart(out, chains)


def spread(parameters: Parameters, name: str, images: Tensor) -> Tensor:
    """Each chain's transposed convolution, twice the side: `[C, B, in, h, w] → [C, B, out, 2h, 2w]`."""
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    chains = len(images)
    out = functional.conv_transpose2d(_grouped(images), weight.flatten(0, 1), bias.flatten(), 2, 1, groups=chains)
    return _apart(out, chains)


def _images(values: Tensor, channels: int, side: int) -> Tensor:
    """`[C, B, channels · side²] → [C, B, channels, side, side]`."""
    return values.reshape(*values.shape[:2], channels, side, side)


def _grouped(images: Tensor) -> Tensor:
    """`[C, B, channels, h, w] → [B, C · channels, h, w]`: the chains as groups of channels."""
    return images.transpose(0, 1).flatten(1, 2)


def _apart(images: Tensor, chains: int) -> Tensor:
    """`[B, C · channels, h, w] → [C, B, channels, h, w]`."""
    return images.reshape(len(images), chains, -1, *images.shape[2:]).transpose(0, 1)
