"""The result `coordination`: several providers share one pool, and only some of them register their output."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from simulator import names
from simulator.config import Experiment, Run
from simulator.data.corpora import Corpus, Digits, Normal
from simulator.data.images import Pixels
from simulator.families.base import Family
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.families.vae import VAE
from simulator.metrics.intervals import paired
from simulator.regimes import Crawl, HumanOnly, Regime
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.how_much import enough
from simulator.reproductions.pools import expected_of_each, limited_chains, theory
from simulator.reproductions.rows import PlayedRun, ResultTable
from simulator.worlds.commons import Commons
from simulator.worlds.parts import Order

_HUMAN = 0.1
_N = 100


def _world(n: int, providers: int, registering: float, human: float = _HUMAN, **settings: str | bool) -> Commons:
    """Return a world whose pool has enough human items for a provider that can remove all synthetic items."""
    return replace(
        Commons(human, registering, "provider", providers, order="largest", pool=enough(n, human, 1.0)),
        **settings,  # type: ignore[arg-type]
    )


def _cases(size: Size) -> list[tuple[Commons, Regime]]:
    """Return worlds in which no, some or all providers register, each with its regime.

    In some of them, each provider has a private log of its own output instead of a registry.
    """
    most = 10 if size != "smoke" else 3
    cases: list[tuple[Commons, Regime]] = []
    for providers in {"smoke": (1, 3)}.get(size, (1, 2, 5, 10)):
        cases.append((_world(_N, providers, 0.0), Crawl()))
        cases.append((_world(_N, providers, 0.0), Crawl(log=True)))
        cases.append((_world(_N, providers, 1.0), Crawl()))
    if size == "smoke":
        some = (_world(_N, most, 1 / 3), _world(_N, most, 2 / 3, training="zipf", order="best"))
        return [*cases, *((world, Crawl()) for world in some)]
    worlds = [_world(_N, most, share) for share in (0.1, 0.5, 0.8, 0.9)]
    worlds += [_world(_N, most, share, human) for human in (0.5, 0.01) for share in (0.0, 0.8, 1.0)]
    sizes: tuple[Order, ...] = ("largest", "smallest", "random")
    qualities: tuple[Order, ...] = ("best", "worst")
    worlds += [_world(_N, most, share, market="zipf") for share in (0.0, 1.0)]
    worlds += [_world(_N, most, share, training="zipf") for share in (0.0, 1.0)]
    worlds += [_world(_N, most, 0.5, market="zipf", order=order) for order in sizes]
    worlds += [_world(_N, most, 0.5, training="zipf", order=order) for order in qualities]
    worlds += [_world(_N, most, share, base=False) for share in (0.0, 0.5)]
    return [*cases, *((world, Crawl()) for world in worlds)]


#: Numbers of chains and seeds: `_MANY` for a condition with three or more providers, `_FEW` for one or two. With few
#: providers, the selection of items varies more between seeds, so more seeds are needed; but a run costs less. The
#: standard errors are about 2 % of the reference. With 1 % human items they are about 3 %, because the pool is so large
#: that a run is limited to 400 chains.
_MANY: dict[Size, tuple[int, int]] = {"smoke": (50, 1), "standard": (500, 10), "full": (1_000, 50)}
_FEW: dict[Size, tuple[int, int]] = {"smoke": (50, 1), "standard": (250, 36), "full": (1_000, 50)}


def _experiment(size: Size) -> Experiment:
    run = partial(Run, Gaussian(), Normal(10 * _N), n=_N, generations=2 if size == "smoke" else 10, human=10 * _N)
    chains, seeds = _FEW[size]
    runs = [run(HumanOnly(), chains=chains, seed=seed) for seed in range(seeds)]
    for world, regime in _cases(size):
        chains, seeds = (_FEW if world.providers <= 2 else _MANY)[size]
        chains = limited_chains(world, _N, chains)
        runs += [run(regime, world=world, chains=chains, seed=seed) for seed in range(seeds)]
    return Experiment("coordination", tuple(runs + _digits(size)))


class _DigitsCase(NamedTuple):
    """A family of models of handwritten digits, with its data, its metric and the shares of providers that register."""

    family: dict[Size, Family]
    corpus: Corpus
    metric: str
    providers: int
    shares: tuple[float, ...]


_MIXTURE = GMM(components=10)
_AUTOENCODER = VAE(steps=600)
_DIGITS_CASES = (
    _DigitsCase(
        {"smoke": GMM(components=2), "standard": _MIXTURE, "full": _MIXTURE},
        Digits(recrawl=True),
        "held_out_nll",
        5,
        (0.0, 0.2, 0.4, 0.8, 1.0),
    ),
    _DigitsCase(
        {"smoke": VAE(steps=20), "standard": _AUTOENCODER, "full": _AUTOENCODER},
        Pixels(recrawl=True),
        "held_out_elbo",
        4,
        (0.0, 0.5, 0.75, 1.0),
    ),
)


def _digits(size: Size) -> list[Run]:
    """Return the runs of models of handwritten digits."""
    n, seeds, generations = {"smoke": (100, 1, 2), "standard": (400, 3, 10), "full": (400, 20, 10)}[size]
    runs = []
    for case in _DIGITS_CASES:
        worlds = [_world(n, 1, share) for share in (0.0, 1.0)] if size != "smoke" else []
        many, shares = (case.providers, case.shares) if size != "smoke" else (2, (0.0, 1.0))
        worlds += [_world(n, many, share) for share in shares]
        for seed in range(seeds):
            run = partial(Run, case.family[size], case.corpus, n=n, generations=generations, seed=seed)
            runs += [run(HumanOnly()), *(run(Crawl(), world=world) for world in worlds)]
    return runs


def _metric(run: Run) -> str:
    """Return the name of the metric that measures the drift of a run's family."""
    matches = (case.metric for case in _DIGITS_CASES if isinstance(run.family, type(case.family["full"])))
    return next(matches, "mean_error")


def _condition(run: Run) -> str:
    family = names.label(run.family).split(":")[0]
    if not isinstance(run.world, Commons):
        return f"{family}: human-only"
    world = run.world
    details = [f"{world.providers} provider{'s' if world.providers > 1 else ''}"]
    details.append(
        "each its own log" if run.regime.private else f"{round(world.registered * world.providers)} register"
    )
    details += [f"{world.human:.0%} human"] if world.human != _HUMAN else []
    details += ["Zipf"] if world.market == "zipf" else []
    details += ["of unequal quality"] if world.training == "zipf" else []
    if (world.market == "zipf" or world.training == "zipf") and 0 < world.registered < 1:
        details.append(f"the {world.order} first" if world.order != "random" else "at random")
    details += ["no shared base"] if not world.base else []
    return f"{family}: {', '.join(details)}"


def _answer(table: ResultTable) -> list[str]:
    """Return the gains of providers if some of them register, compared with the same world in which none registers."""
    crawling = [group for group in table.groups.values() if group[0].run.regime == Crawl()]
    by_world = {(group[0].run.family, group[0].run.world): group for group in crawling}
    lines = []
    for group in crawling:
        run, world = group[0].run, _commons(group[0].run)
        nobody, everybody = (
            by_world.get((run.family, replace(world, registered=share, order="largest"))) for share in (0.0, 1.0)
        )
        if world.providers == 1 or world.registered == 0 or nobody is None:
            continue
        do = {member.run.seed: sorted(_commons(member.run).registering(member.run.seed)) for member in group}
        do_not = {seed: sorted(set(range(world.providers)) - set(registering)) for seed, registering in do.items()}
        effects = [f"a provider that registers {_gain(nobody, group, do)}"]
        if world.registered < 1:
            effects.append(f"a provider that does not register {_gain(nobody, group, do_not)}")
        if everybody is not None and len(do[run.seed]) == world.providers - 1:
            effects.append(f"if this provider registers too, it then {_gain(group, everybody, do_not)}")
        lines.append(f"{_condition(run)}: {'; '.join(effects)}.")
    definition = (
        "A gain is the decrease of a provider's metric in the last generation, compared with the same world in which "
        "no provider registers, paired by seed. A loss is an increase. The metric is mean_error for Gaussians, "
        "held_out_nll for mixtures, and held_out_elbo for autoencoders."
    )
    return [definition, *lines]


def _commons(run: Run) -> Commons:
    assert isinstance(run.world, Commons)
    return run.world


def _gain(before: Sequence[PlayedRun], after: Sequence[PlayedRun], providers: Mapping[int, Sequence[int]]) -> str:
    """Return the gain or loss of some providers between two worlds as text, with the exact value if theory has one.

    `providers` has the numbers of the providers by seed. The value is the mean over these providers.
    """
    difference, verb = paired(_measured(before, providers), _measured(after, providers)), "gains"
    if difference.mean < 0:
        before, after, verb = after, before, "loses"
        difference = paired(_measured(before, providers), _measured(after, providers))
    theory = [_expected(group, providers) for group in (before, after)]
    exact = "" if None in theory else f" (exact {theory[0] - theory[1]:.4g})"  # type: ignore[operator]
    return f"{verb} {difference}{exact}"


def _measured(group: Sequence[PlayedRun], providers: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Return the mean of the metric over these providers in the last round, by seed."""
    metric = _metric(group[0].run)
    rows = {member.run.seed: member.results.rows[-1]["providers"] for member in group}
    return {seed: float(np.mean([rows[seed][k][metric]["mean"] for k in chosen])) for seed, chosen in providers.items()}


def _expected(group: Sequence[PlayedRun], providers: Mapping[int, Sequence[int]]) -> float | None:
    """Return the mean of the metric over these providers by theory; None if there is no theory."""
    exact = {member.run.seed: expected_of_each(member.run) for member in group}
    means = [values[-1, chosen].mean() for seed, chosen in providers.items() if (values := exact[seed]) is not None]
    return float(np.mean(means)) if means else None


COORDINATION = Reproduction(
    name="coordination",
    question="Several providers share a pool. Which of them must register to prevent collapse, and which of them gain?",
    source="question from Shumailov et al. 2023; the result is not published; theory in simulator/oracles/commons.py",
    experiment=_experiment,
    metrics=("mean_error", "held_out_nll", "held_out_elbo"),
    minutes={"smoke": 0.5, "standard": 50, "full": 300},
    theory=theory,
    answer=_answer,
    baseline="",
    rounds={"smoke": (1, 2), "standard": (2, 5, 10), "full": (2, 5, 10)},
    condition=_condition,
)
