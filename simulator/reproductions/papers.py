"""The results `vae-paper` and `lm-paper`: two experiments of "The Curse of Recursion" (Shumailov et al. 2023)."""

from collections.abc import Sequence

from simulator.config import Experiment, Run
from simulator.data.corpora import Corpus
from simulator.data.images import Idx, Pixels
from simulator.data.texts import Text
from simulator.families.base import Family
from simulator.families.hf import Opt125m
from simulator.families.transformer import Transformer
from simulator.families.vae import VAE
from simulator.names import label
from simulator.regimes import Accumulate, HumanOnly, Preserve, Regime, Replace
from simulator.reproductions.base import Reproduction, Size
from simulator.worlds.base import TRUTHFUL, Truthful, World

_REGIMES: tuple[Regime, ...] = (Replace(), Preserve(0.1), Accumulate(), HumanOnly())


#: Regimes for a user's own data: the two regimes of the paper, and the baseline.
_ON_DATA: tuple[Regime, ...] = (Replace(), Preserve(0.1), HumanOnly())


def _runs(
    name: str,
    family: Family,
    corpus: Corpus,
    n: int,
    generations: int,
    seeds: int,
    regimes: Sequence[Regime] = _REGIMES,
    world: World = TRUTHFUL,
) -> Experiment:
    runs = [
        Run(family, corpus, regime, n=n, generations=generations, world=world, seed=seed)
        for seed in range(seeds)
        for regime in regimes
    ]
    return Experiment(name, tuple(runs))


def _vae(size: Size) -> Experiment:
    """Return runs of the small autoencoder, in which every training has the same number of steps.

    In most conditions, the n items of a round are drawn once. One condition follows the paper: each minibatch is drawn
    anew from the last decoder. For this condition, a model makes the items of all minibatches: 75 times n at the
    standard size, 7 MB per round. They are registered, and the next model trains on each of them once.
    """
    n, generations, seeds, steps = {
        "smoke": (100, 2, 1, 20),
        "standard": (1_000, 10, 3, 1_500),
        "full": (1_000, 20, 20, 1_500),
    }[size]
    family, regimes = VAE(steps=steps), _REGIMES if size != "smoke" else _REGIMES[::3]
    once = _runs("vae-paper", family, Pixels(), n, generations, seeds, regimes)
    times = steps * family.settings.batch // n
    fresh = _runs("", family, Pixels(), n, generations, seeds, [Replace(times)], Truthful(times))
    return Experiment(once.name, once.runs + fresh.runs)


def _condition(run: Run) -> str:
    return "replace, fresh draws" if isinstance(run.regime, Replace) and run.regime.times > 1 else label(run.regime)


def _vae_on(folder: str, size: Size) -> Experiment:
    """Return runs of the paper's network on the files of MNIST in a folder."""
    n, generations, seeds = {"smoke": (512, 1, 1), "standard": (10_000, 5, 3), "full": (60_000, 20, 5)}[size]
    family = VAE(network="paper", epochs=1) if size == "smoke" else VAE(network="paper")
    return _runs("vae-paper", family, Idx(folder), n, generations, seeds, _ON_DATA)


VAE_PAPER = Reproduction(
    name="vae-paper",
    question="Do autoencoders of digits lose variety with each generation, and does a tenth of human data prevent it?",
    source="Shumailov et al. 2023, section 4.3",
    experiment=_vae,
    on_data=_vae_on,
    metrics=("latent_std", "held_out_elbo", "recall"),
    minutes={"smoke": 0.3, "standard": 9, "full": 85},
    baseline="human-only",
    condition=_condition,
)


def _language(size: Size) -> Experiment:
    """Return runs of a small language model, with blocks of the training text as prompts, as in the paper.

    All regimes have the same number of training steps: that of five epochs over n blocks, as in the paper.
    """
    if size == "smoke":
        family = Transformer(layers=1, heads=2, width=16, steps=4, vocabulary=300)
        return _runs("lm-paper", family, Text(vocabulary=300, block=16), 40, 1, 2, _REGIMES[::3])
    generations, seeds, width = {"standard": (5, 3, 64), "full": (10, 10, 128)}[size]
    return _runs("lm-paper", Transformer(width=width, steps=375, batch=16), Text(), 1_200, generations, seeds)


def _language_on(path: str, size: Size) -> Experiment:
    """Return runs of OPT-125m on a user's own text, at `path`, with the paper's settings.

    As in the paper, a model trains for 10 epochs if human text is kept, otherwise for 5. The weights come from the
    Hugging Face Hub, or from a folder.
    """
    corpus = Text(path=path, tokenizer=Opt125m().model)
    n, generations, seeds = {"smoke": (100, 1, 1), "standard": (2_000, 5, 3), "full": (20_000, 10, 5)}[size]
    runs = [
        Run(Opt125m(epochs=epochs), corpus, regime, n=n, generations=generations, seed=seed)
        for seed in range(seeds)
        for regime, epochs in zip(_ON_DATA, (5.0, 10.0, 5.0), strict=True)
    ]
    return Experiment("lm-paper", tuple(runs))


LM_PAPER = Reproduction(
    name="lm-paper",
    question="Does a language model forget rare words, and does a tenth of human text prevent it?",
    source="Shumailov et al. 2023, section 5.2; Nature 631:755, 2024",
    experiment=_language,
    on_data=_language_on,
    metrics=("perplexity", "rarest_decile_loss", "distinct_2", "sample_perplexity", "improbable_share"),
    minutes={"smoke": 0.2, "standard": 10, "full": 120},
    baseline="human-only",
)
