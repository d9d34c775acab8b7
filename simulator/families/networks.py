"""The encoders and decoders of variational autoencoders, for C chains at once.

A network object has the shapes of its layers, and two functions of its parameters: encode and decode. The first axis of
every parameter is the chain. So C networks with the same shape are trained with one batched matrix product, or one
grouped convolution, per layer. This is faster, because at these sizes starting an operation needs most of its time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

#: The parameters by name, such as `encoder.weight` and `encoder.bias`. Each has the shape `[C, …]`.
Parameters: TypeAlias = dict[str, Tensor]
#: The means of codes, and the logarithms of their variances. Each has the shape `[C, B, latent]`.
Code: TypeAlias = tuple[Tensor, Tensor]


class LayerShape(NamedTuple):
    """The shapes of the parameters of one layer of one chain."""

    weight: tuple[int, ...]
    bias: int
    fan_in: int
    """number of input values of which an output value is the weighted sum, as torch counts it"""


class AutoencoderNetwork(Protocol):
    """An encoder from pixels to Gaussian codes, and a decoder from codes to pixels."""

    @property
    def latent(self) -> int:
        """The number of dimensions of a code."""
        ...

    @property
    def layers(self) -> Mapping[str, LayerShape]:
        """The shapes of all layers, by the name of the layer."""
        ...

    def encode(self, parameters: Parameters, ink: Tensor) -> Code:
        """Return the distributions of the codes of `ink[C, B, pixels]`: images with pixels from 0 to 1."""
        ...

    def decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        """Return the log-odds of each pixel, `[C, B, pixels]`, for `codes[C, B, latent]`."""
        ...


@dataclass(frozen=True)
class Perceptron:
    """A network with one hidden layer in the encoder and one in the decoder, for the 8 × 8 digits."""

    pixels: int
    latent: int
    hidden: int

    @property
    def layers(self) -> Mapping[str, LayerShape]:
        sizes = {
            "encoder": (self.pixels, self.hidden),
            "code": (self.hidden, 2 * self.latent),
            "decoder": (self.latent, self.hidden),
            "ink": (self.hidden, self.pixels),
        }
        return {name: LayerShape((inner, outer), outer, inner) for name, (inner, outer) in sizes.items()}

    def encode(self, parameters: Parameters, ink: Tensor) -> Code:
        hidden = functional.relu(dense(parameters, "encoder", ink))
        mean, log_variance = dense(parameters, "code", hidden).chunk(2, dim=2)
        return mean, log_variance

    def decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        return dense(parameters, "ink", functional.relu(dense(parameters, "decoder", codes)))


@dataclass(frozen=True)
class Convolutional:
    """The network of Shumailov et al. for 28 × 28 pixels (2305.17493, section 4.3, and their code).

    Every convolution has kernel size 4, stride 2 and padding 1, so it halves the sides of the image: 28, 14, 7. With 20
    latent dimensions, the network has 647,081 parameters.
    """

    latent: int = 20

    @property
    def layers(self) -> Mapping[str, LayerShape]:
        flat, kernel = 128 * 7 * 7, (4, 4)
        return {
            "encoder1": LayerShape((64, 1, *kernel), 64, 1 * 16),
            "encoder2": LayerShape((128, 64, *kernel), 128, 64 * 16),
            "mean": LayerShape((flat, self.latent), self.latent, flat),
            "log_variance": LayerShape((flat, self.latent), self.latent, flat),
            "decoder": LayerShape((self.latent, flat), flat, self.latent),
            # For a transposed convolution, torch computes the fan-in from the second axis.
            "decoder1": LayerShape((128, 64, *kernel), 64, 64 * 16),
            "decoder2": LayerShape((64, 1, *kernel), 1, 1 * 16),
        }

    def encode(self, parameters: Parameters, ink: Tensor) -> Code:
        hidden = functional.relu(convolve(parameters, "encoder1", _images(ink, 1, 28)))
        flat = functional.relu(convolve(parameters, "encoder2", hidden)).flatten(2)
        return dense(parameters, "mean", flat), dense(parameters, "log_variance", flat)

    def decode(self, parameters: Parameters, codes: Tensor) -> Tensor:
        hidden = _images(functional.relu(dense(parameters, "decoder", codes)), 128, 7)
        hidden = functional.relu(spread(parameters, "decoder1", hidden))
        return spread(parameters, "decoder2", hidden).flatten(2)


def begin(network: AutoencoderNetwork, generators: Sequence[torch.Generator]) -> Parameters:
    """Return random initial parameters, for one chain per generator.

    They are uniform between −1/√fan-in and 1/√fan-in, as torch initializes such layers.
    """
    parameters = {}
    for name, layer in network.layers.items():
        bound = layer.fan_in**-0.5
        for kind, shape in (("weight", layer.weight), ("bias", (layer.bias,))):
            drawn = [torch.empty(shape).uniform_(-bound, bound, generator=stream) for stream in generators]
            parameters[f"{name}.{kind}"] = torch.stack(drawn)
    return parameters


def dense(parameters: Parameters, name: str, values: Tensor) -> Tensor:
    """Apply the linear layer `name` of each chain to `values`: `[C, B, in] → [C, B, out]`."""
    return torch.baddbmm(parameters[f"{name}.bias"].unsqueeze(1), values, parameters[f"{name}.weight"])


def convolve(parameters: Parameters, name: str, images: Tensor) -> Tensor:
    """Apply the convolution layer `name` of each chain: `[C, B, in, h, w] → [C, B, out, h/2, w/2]`."""
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    chains = len(images)
    out = functional.conv2d(_grouped(images), weight.flatten(0, 1), bias.flatten(), 2, 1, groups=chains)
    return _apart(out, chains)


def spread(parameters: Parameters, name: str, images: Tensor) -> Tensor:
    """Apply the transposed convolution layer `name` of each chain: `[C, B, in, h, w] → [C, B, out, 2h, 2w]`."""
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    chains = len(images)
    out = functional.conv_transpose2d(_grouped(images), weight.flatten(0, 1), bias.flatten(), 2, 1, groups=chains)
    return _apart(out, chains)


def _images(values: Tensor, channels: int, side: int) -> Tensor:
    """Return an array `[C, B, channels · side²]` in the shape `[C, B, channels, side, side]`."""
    return values.reshape(*values.shape[:2], channels, side, side)


def _grouped(images: Tensor) -> Tensor:
    """Return `[C, B, channels, h, w]` as `[B, C · channels, h, w]`: the chains are groups of channels."""
    return images.transpose(0, 1).flatten(1, 2)


def _apart(images: Tensor, chains: int) -> Tensor:
    """Return `[B, C · channels, h, w]` as `[C, B, channels, h, w]`."""
    return images.reshape(len(images), chains, -1, *images.shape[2:]).transpose(0, 1)
