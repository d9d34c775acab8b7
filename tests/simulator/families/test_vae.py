from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from simulator.data.images import Pixels
from simulator.families.autoencoder import Autoencoder, bound, ink_of
from simulator.families.base import Bounded, Encoder, Floats, Items, Restores, Storable
from simulator.families.networks import (
    AutoencoderNetwork,
    Convolutional,
    Parameters,
    Perceptron,
    begin,
    convolve,
    spread,
)
from simulator.families.vae import VAE
from simulator.metrics.neighbours import nearest, share_within
from simulator.randomness import generator

PIXELS = Pixels()
SHORT = VAE(steps=20)
PAPER = VAE("paper", epochs=1, batch=8)


def digits(n: int = 200, chains: int = 1) -> Items:
    """n human digits a chain, other ones for each, `uint8[n, C, 64]`."""
    pool, rng = PIXELS.pool(1, seed=1)[:, 0], generator(1, "which digits")
    return np.stack([pool[rng.permutation(len(pool))[:n]] for _ in range(chains)], axis=1)


def noise(n: int, chains: int = 1, pixels: int = 64) -> Items:
    return generator(1, "noise").integers(0, 256, (n, chains, pixels), dtype=np.uint8)


def streams(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def fit(family: VAE, items: Items, seed: int = 1) -> Autoencoder:
    return family.fit(items, generator(seed, "fit"))


def surprise(fitted: Autoencoder) -> Floats:
    bounds: Floats = fitted.negative_elbo(PIXELS.held_out).mean(axis=0)
    return bounds


def parameters_of(network: AutoencoderNetwork) -> int:
    return sum(values.numel() for values in begin(network, streams(1)).values())


def test_the_papers_network_has_the_papers_number_of_parameters() -> None:
    assert parameters_of(Convolutional()) == 647_081


def test_the_small_network_has_two_hidden_layers_and_no_more() -> None:
    assert parameters_of(Perceptron(64, 12, 128)) == 64 * 128 + 128 + 128 * 24 + 24 + 12 * 128 + 128 + 128 * 64 + 64


@pytest.mark.parametrize(("own", "kind"), [(convolve, torch.nn.Conv2d), (spread, torch.nn.ConvTranspose2d)])
def test_grouped_convolutions_are_torchs_own_of_each_chain(
    own: Callable[[Parameters, str, Tensor], Tensor], kind: type[torch.nn.Conv2d | torch.nn.ConvTranspose2d]
) -> None:
    layers = [kind(3, 5, 4, 2, 1) for _ in range(4)]
    stacked = {f"it.{name}": torch.stack([getattr(layer, name) for layer in layers]) for name in ("weight", "bias")}
    images = torch.randn(4, 6, 3, 8, 8, generator=streams(1)[0])
    expected = torch.stack([layer(image) for layer, image in zip(layers, images, strict=True)])
    assert torch.allclose(own(stacked, "it", images), expected, atol=1e-6)


def test_layers_begin_as_torch_begins_them() -> None:
    begun = begin(Convolutional(), streams(2))
    for name, layer in {
        "encoder2": torch.nn.Conv2d(64, 128, 4),
        "mean": torch.nn.Linear(6272, 20),
        "decoder1": torch.nn.ConvTranspose2d(128, 64, 4),
    }.items():
        for part in ("weight", "bias"):
            own, usual = begun[f"{name}.{part}"], getattr(layer, part)
            assert own[0].numel() == usual.numel()
            assert own.abs().max().item() == pytest.approx(usual.abs().max().item(), rel=0.2)
    assert not torch.equal(begun["mean.weight"][0], begun["mean.weight"][1])


def test_the_bound_is_the_cross_entropy_and_the_divergence_of_torchs_own_distributions() -> None:
    network, ink = Perceptron(64, 5, 16), ink_of(digits(30, chains=2))
    parameters = begin(network, streams(2))
    mean, log_variance = network.encode(parameters, ink)
    eps = torch.randn(mean.shape, generator=streams(1)[0])
    code = torch.distributions.Normal(mean, (log_variance / 2).exp())
    pixels = torch.distributions.Bernoulli(
        logits=network.decode(parameters, mean + code.scale * eps), validate_args=False
    )
    divergence = torch.distributions.kl_divergence(code, torch.distributions.Normal(0.0, 1.0)).sum(dim=2)
    expected = -7 * pixels.log_prob(ink).sum(dim=2) + divergence  # type: ignore[no-untyped-call]  # torch's own
    assert torch.allclose(bound(network, parameters, ink, eps, bits=7), expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", [SHORT, PAPER], ids=["small", "paper"])
def test_chains_trained_together_are_what_each_would_be_alone(family: VAE) -> None:
    items = noise(24, chains=3, pixels=784) if family is PAPER else digits(chains=3)
    together, alone = fit(family, items).arrays(), fit(family, items[:, :1]).arrays()
    for name, parameters in together.items():
        assert np.allclose(parameters[:1], alone[name], atol=1e-4), name
    assert not np.allclose(together[name][0], together[name][1])


@pytest.mark.slow
def test_a_chain_learns_from_its_own_items_alone() -> None:
    items = digits(chains=2)
    other = items.copy()
    other[:, 1] = noise(len(items))[:, 0]
    first, second = fit(SHORT, items).arrays(), fit(SHORT, other).arrays()
    assert all(np.array_equal(first[name][0], second[name][0]) for name in first)
    assert any(not np.array_equal(first[name][1], second[name][1]) for name in first)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model_and_samples_to_the_byte() -> None:
    first, again, other = (fit(SHORT, digits(chains=2), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(array, again.arrays()[name]) for name, array in first.arrays().items())
    samples = [model.sample(50, generator(1, "sample")) for model in (first, again, other)]
    assert np.array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])


@pytest.mark.slow
def test_training_lowers_the_bound_on_digits_that_were_kept_aside() -> None:
    losses = [surprise(fit(VAE(steps=steps), digits(1000)))[0] for steps in (1, 30, 300)]
    assert losses[0] > losses[1] + 50 > losses[2] + 100


@pytest.mark.slow
def test_the_papers_network_learns_too() -> None:
    bars = np.zeros((64, 1, 28, 28), dtype=np.uint8)
    bars[np.arange(64), 0, :, np.arange(64) % 28] = 255
    items = bars.reshape(64, 1, 784)
    points = items[:, 0].astype(np.float64)
    losses = [fit(VAE("paper", epochs=epochs, batch=32), items).negative_elbo(points).mean() for epochs in (1, 12)]
    assert losses[1] < losses[0] / 2


@pytest.fixture(scope="module")
def trained() -> Autoencoder:
    """The small network with its usual settings, on 1,000 digits."""
    return fit(VAE(), digits(1000))


@pytest.mark.slow
def test_samples_look_like_digits_to_a_classifier_by_neighbours(trained: Autoencoder) -> None:
    samples = trained.sample(500, generator(1, "sample"))
    assert samples.dtype == np.uint8
    assert samples.shape == (500, 1, 64)
    made, human = samples[:, 0].astype(np.float64), PIXELS.held_out
    assert share_within(made, human, 3) > 0.5  # human digits: 0.9; noise: 0
    assert share_within(noise(500)[:, 0].astype(np.float64), human, 3) == 0
    points, labels = PIXELS.labelled
    counts = np.bincount(labels[nearest(made, points)], minlength=10)
    assert counts.min() > 10


def test_samples_of_the_usual_settings_reach_human_digits_and_are_not_copies(trained: Autoencoder) -> None:
    made = trained.sample(1000, generator(1, "sample"))
    assert share_within(PIXELS.held_out, made[:, 0].astype(np.float64), 3) > 0.4
    assert len(np.unique(made[:, 0], axis=0)) == 1000


def test_codes_of_human_digits_are_spread_as_codes_are_drawn(trained: Autoencoder) -> None:
    codes = trained.encode(digits(1000))
    assert codes.dtype == np.float64
    assert codes.shape == (1000, 1, 12)
    assert 0.7 < codes.std(axis=0).mean() < 1.1
    assert np.abs(codes.mean(axis=0)).max() < 0.3


def test_the_bound_of_noise_is_higher_than_that_of_digits(trained: Autoencoder) -> None:
    assert trained.negative_elbo(noise(100)[:, 0].astype(np.float64)).min() > surprise(trained)[0]


def test_a_restored_model_is_equal_to_the_saved_one() -> None:
    items = digits(chains=2)
    fitted = fit(SHORT, items)
    again = SHORT.restore(fitted.arrays())
    assert np.array_equal(again.encode(items), fitted.encode(items))
    assert np.array_equal(again.sample(30, generator(1, "sample")), fitted.sample(30, generator(1, "sample")))
    assert isinstance(fitted, Storable)
    assert isinstance(SHORT, Restores)


def test_a_fitted_model_has_codes_and_a_bound_the_same_however_many_at_once() -> None:
    fitted = fit(SHORT, digits(chains=2))
    assert isinstance(fitted, Encoder)
    assert isinstance(fitted, Bounded)
    items = digits(1300, chains=2)
    assert np.allclose(fitted.encode(items)[1250:], fitted.encode(items[1250:]), atol=1e-5)
    assert fitted.negative_elbo(items[:, 0].astype(np.float64)).shape == (1300, 2)


def test_steps_are_as_much_training_however_many_items_there_are() -> None:
    many = list(VAE(steps=7, batch=100)._minibatches(torch.zeros(1, 250, 64), streams(1)))
    assert [batch.shape[1] for batch, _ in many] == [100, 100, 50, 100, 100, 50, 100]
    assert len(list(VAE(epochs=2, batch=100)._minibatches(torch.zeros(1, 250, 64), streams(1)))) == 6


def test_each_pass_goes_through_every_item_once_in_another_order() -> None:
    ink = torch.arange(250.0).reshape(1, 250, 1)
    batches = [batch.flatten() for batch, _ in VAE(epochs=2, batch=100)._minibatches(ink, streams(1))]
    passes = torch.cat(batches[:3]), torch.cat(batches[3:])
    assert all(torch.equal(order.sort().values, ink.flatten()) for order in passes)
    assert not torch.equal(*passes)


@pytest.mark.parametrize(
    ("family", "items", "words"),
    [
        (VAE("paper"), digits(20), "28 × 28 pixels, and the data has 64: use network=small"),
        (VAE(), digits(20).astype(np.float64), "these data are float64: set the data to `pixels`"),
        (VAE(rate=1e30, steps=20), digits(100), "diverged with rate=1e\\+30: use a smaller rate"),
    ],
    ids=["size", "type", "rate"],
)
def test_items_that_cannot_be_fitted_are_refused_with_the_reason(family: VAE, items: Items, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit(family, items)


@pytest.mark.parametrize(
    "settings",
    [{"latent": 0}, {"steps": 0}, {"epochs": 0}, {"batch": 0}, {"rate": 0.0}, {"steps": 5, "epochs": 5}],
    ids=str,
)
def test_impossible_settings_are_refused_before_anything_runs(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: (use|set only one) "):
        VAE(**settings)
