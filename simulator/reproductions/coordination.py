"""Coordination, the question of the paper: providers share one pool, and a part of them registers its output."""

import math
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
from simulator.reproductions.pools import expected_of_each, held, theory
from simulator.reproductions.rows import PlayedRun, ResultTable
from simulator.worlds.commons import Commons, Order

_HUMAN = 0.1
_N = 100

Case = tuple[Commons, Regime]


def _world(n: int, providers: int, registering: float, human: float = _HUMAN, **settings: str | bool) -> Commons:
    """The pool is large enough for whoever knows of all synthetic items, however few it knows of."""
    return replace(
        Commons(human, registering, "provider", providers, order="largest", pool=enough(n, human, 1.0)),
        **settings,  # type: ignore[arg-type]
    )


def _cases(size: Size) -> list[Case]:
    """Nobody, some and all of the providers, by who they are; and what each would know without a registry."""
    most = 10 if size != "smoke" else 3
    cases: list[Case] = []
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


#: Chains × seeds of a condition with many providers, and with one or two: there the items that happen to be drawn say
#: more of what comes of it, so that more seeds are wanted, and a run costs less. Errors are about 2 % of the reference;
#: where 1 % are human the pool is large, which leaves 400 chains, and about 3 %.
_MANY: dict[Size, tuple[int, int]] = {"smoke": (50, 1), "standard": (500, 10), "full": (1_000, 50)}
_FEW: dict[Size, tuple[int, int]] = {"smoke": (50, 1), "standard": (250, 36), "full": (1_000, 50)}


def _experiment(size: Size) -> Experiment:
    run = partial(Run, Gaussian(), Normal(10 * _N), n=_N, generations=2 if size == "smoke" else 10, human=10 * _N)
    chains, seeds = _FEW[size]
    runs = [run(HumanOnly(), chains=chains, seed=seed) for seed in range(seeds)]
    for world, regime in _cases(size):
        chains, seeds = (_FEW if world.providers <= 2 else _MANY)[size]
        chains = held(world, _N, chains)
        runs += [run(regime, world=world, chains=chains, seed=seed) for seed in range(seeds)]
    return Experiment("coordination", tuple(runs + _digits(size)))


class _Trained(NamedTuple):
    """A family of handwritten digits, of which the same is asked with fewer providers."""

    family: dict[Size, Family]
    corpus: Corpus
    metric: str
    providers: int
    shares: tuple[float, ...]


_MIXTURE = GMM(components=10)
_AUTOENCODER = VAE(steps=600)
_TRAINED = (
    _Trained(
        {"smoke": GMM(components=2), "standard": _MIXTURE, "full": _MIXTURE},
        Digits(recrawl=True),
        "held_out_nll",
        5,
        (0.0, 0.2, 0.4, 0.8, 1.0),
    ),
    _Trained(
        {"smoke": VAE(steps=20), "standard": _AUTOENCODER, "full": _AUTOENCODER},
        Pixels(recrawl=True),
        "held_out_elbo",
        4,
        (0.0, 0.5, 0.75, 1.0),
    ),
)


def _digits(size: Size) -> list[Run]:
    """The same question of models that are trained on handwritten digits."""
    n, seeds, generations = {"smoke": (100, 1, 2), "standard": (400, 3, 10), "full": (400, 20, 10)}[size]
    runs = []
    for one in _TRAINED:
        worlds = [_world(n, 1, share) for share in (0.0, 1.0)] if size != "smoke" else []
        many, shares = (one.providers, one.shares) if size != "smoke" else (2, (0.0, 1.0))
        worlds += [_world(n, many, share) for share in shares]
        for seed in range(seeds):
            run = partial(Run, one.family[size], one.corpus, n=n, generations=generations, seed=seed)
            runs += [run(HumanOnly()), *(run(Crawl(), world=world) for world in worlds)]
    return runs


def _metric(run: Run) -> str:
    """What says how far a model has drifted."""
    found = [one.metric for one in _TRAINED if isinstance(run.family, type(one.family["full"]))]
    return found[0] if found else "mean_error"


def _condition(run: Run) -> str:
    family = names.label(run.family).split(":")[0]
    if not isinstance(run.world, Commons):
        return f"{family}: human-only"
    world = run.world
    told = [f"{world.providers} provider{'s' if world.providers > 1 else ''}"]
    told.append("each its own log" if run.regime.private else f"{round(world.registered * world.providers)} register")
    told += [f"{world.human:.0%} human"] if world.human != _HUMAN else []
    told += ["Zipf"] if world.market == "zipf" else []
    told += ["of unequal quality"] if world.training == "zipf" else []
    if (world.market == "zipf" or world.training == "zipf") and 0 < world.registered < 1:
        told.append(f"the {world.order} first" if world.order != "random" else "at random")
    told += ["no shared base"] if not world.base else []
    return f"{family}: {', '.join(told)}"


def _answer(table: ResultTable) -> list[str]:
    """What each gains by who registers, against a world that is the same but that nobody registers in."""
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
        do_not = {seed: sorted(set(range(world.providers)) - set(those)) for seed, those in do.items()}
        told = [f"who registers {_gain(nobody, group, do)}"]
        if world.registered < 1:
            told.append(f"who does not register {_gain(nobody, group, do_not)}")
        if everybody is not None and len(do[run.seed]) == world.providers - 1:
            told.append(f"and then {_gain(group, everybody, do_not)} by its own registering")
        lines.append(f"{_condition(run)}: {', '.join(told)}")
    what = "mean_error (held_out_nll of mixtures, held_out_elbo of autoencoders) of the last generation falls by"
    how = "a loss what it rises by, against nobody's registering, paired by seed"
    return [f"a gain is what a provider's {what}, {how}", *lines]


def _commons(run: Run) -> Commons:
    assert isinstance(run.world, Commons)
    return run.world


def _gain(before: Sequence[PlayedRun], after: Sequence[PlayedRun], who: Mapping[int, Sequence[int]]) -> str:
    """By how much these providers, by seed, drift less in one world than in another, or more; on average over them."""
    by, verb = paired(_measured(before, who), _measured(after, who)), "gains"
    if by.mean < 0:
        before, after, verb = after, before, "loses"
        by = paired(_measured(before, who), _measured(after, who))
    told = f"{verb} {by.mean:.4g}" if math.isnan(by.low) else f"{verb} {by}"
    theory = [_expected(group, who) for group in (before, after)]
    return told if None in theory else f"{told} (exact {theory[0] - theory[1]:.4g})"  # type: ignore[operator]


def _measured(group: Sequence[PlayedRun], who: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """The mean over providers in the last round, by seed."""
    metric = _metric(group[0].run)
    rows = {member.run.seed: member.results.rows[-1]["providers"] for member in group}
    return {seed: float(np.mean([rows[seed][k][metric]["mean"] for k in those])) for seed, those in who.items()}


def _expected(group: Sequence[PlayedRun], who: Mapping[int, Sequence[int]]) -> float | None:
    """What theory says of it; None where it says nothing."""
    each = {member.run.seed: expected_of_each(member.run) for member in group}
    found = [each[seed][-1, those].mean() for seed, those in who.items() if each[seed] is not None]  # type: ignore[index]
    return float(np.mean(found)) if found else None


COORDINATION = Reproduction(
    name="coordination",
    question="Who must register, for a pool that several providers share to stay healthy, and who gains by it?",
    source="Shumailov et al. 2023 ask it; nobody has published an answer; theory in simulator/oracles/commons.py",
    experiment=_experiment,
    metrics=("mean_error", "held_out_nll", "held_out_elbo"),
    minutes={"smoke": 0.5, "standard": 50, "full": 300},
    theory=theory,
    answer=_answer,
    baseline="",
    rounds={"smoke": (1, 2), "standard": (2, 5, 10), "full": (2, 5, 10)},
    condition=_condition,
)
