"""Coordination, the question of the paper: providers share one pool, and a part of them registers its output."""

from functools import partial

from simulator import catalog
from simulator.config import Experiment, Run
from simulator.corpora import Digits, Normal
from simulator.models.gaussian import Gaussian
from simulator.models.gmm import GMM
from simulator.recipes import Crawl, HumanOnly, Regime
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.how_much import enough
from simulator.reproductions.pools import theory
from simulator.worlds import Commons, Market, Order

_HUMAN = 0.1
_N = 100


def _world(
    n: int, providers: int, registering: float, market: Market = "equal", order: Order = "largest", base: bool = True
) -> Commons:
    """A tenth of the pool is human; it is large enough for whoever knows of all synthetic items."""
    return Commons(
        human=_HUMAN,
        registered=registering,
        by="provider",
        providers=providers,
        market=market,
        order=order,
        base=base,
        pool=enough(n, _HUMAN, 1.0),
    )


def _cases(size: Size) -> list[tuple[Commons, Regime]]:
    """Nobody, one, half and all of the providers; by market and order; and what each would know without a registry."""
    most = 10 if size != "smoke" else 3
    cases: list[tuple[Commons, Regime]] = []
    for providers in {"smoke": (1, 3)}.get(size, (1, 2, 5, 10)):
        cases.append((_world(_N, providers, 0.0), Crawl()))
        cases.append((_world(_N, providers, 0.0), Crawl(log=True)))
        cases.append((_world(_N, providers, 1.0), Crawl()))
    if size == "smoke":
        return cases
    cases += [(_world(_N, most, share / 10), Crawl()) for share in (1, 2, 5, 8, 9)]
    orders: tuple[Order, ...] = ("largest", "smallest", "random")
    cases += [
        (_world(_N, most, share, market="zipf", order=order), Crawl()) for order in orders for share in (0.2, 0.5, 0.8)
    ]
    cases.append((_world(_N, most, 0.0, market="zipf"), Crawl()))
    return [*cases, (_world(_N, most, 0.0, base=False), Crawl()), (_world(_N, most, 0.5, base=False), Crawl())]


def _experiment(size: Size) -> Experiment:
    chains, seeds, generations = {"smoke": (50, 1, 2), "standard": (200, 10, 10), "full": (1_000, 50, 10)}[size]
    cases = list(dict.fromkeys(_cases(size)))
    runs = []
    for seed in range(seeds):
        run = partial(
            Run, Gaussian(), Normal(10 * _N), n=_N, generations=generations, chains=chains, human=10 * _N, seed=seed
        )
        runs += [run(HumanOnly()), *(run(regime, world=world) for world, regime in cases)]
    return Experiment("coordination", tuple(runs + _digits(size)))


def _digits(size: Size) -> list[Run]:
    """The same question of a mixture of Gaussians on handwritten digits."""
    n, seeds, generations = {"smoke": (100, 1, 2), "standard": (400, 3, 10), "full": (400, 20, 10)}[size]
    family, corpus = GMM(components=10 if size != "smoke" else 2), Digits(recrawl=True)
    providers = (1, 5) if size != "smoke" else (2,)
    shares = (0.0, 0.4, 0.8, 1.0) if size != "smoke" else (0.0, 1.0)
    runs = []
    for seed in range(seeds):
        run = partial(Run, family, corpus, n=n, generations=generations, seed=seed)
        runs.append(run(HumanOnly()))
        runs += [
            run(Crawl(), world=_world(n, count, share))
            for count in providers
            for share in (shares if count > 1 else (0.0, 1.0))
        ]
    return runs


def _condition(run: Run) -> str:
    family = catalog.label(run.family).split(":")[0]
    if not isinstance(run.world, Commons):
        return f"{family}: human-only"
    world = run.world
    told = [f"{world.providers} provider{'s' if world.providers > 1 else ''}"]
    told.append("each its own log" if run.regime.private else f"{round(world.registered * world.providers)} register")
    if world.market == "zipf":
        told.append(f"Zipf, the {world.order} first" if world.order != "random" else "Zipf, at random")
    if not world.base:
        told.append("no shared base")
    return f"{family}: {', '.join(told)}"


COORDINATION = Reproduction(
    name="coordination",
    question="Who must register, for a pool that several providers share to stay healthy?",
    source="Shumailov et al. 2023 ask it; nobody has published an answer; theory in simulator/oracles/commons.py",
    experiment=_experiment,
    metrics=("mean_error", "held_out_nll"),
    minutes={"smoke": 0.5, "standard": 15, "full": 300},
    theory=theory,
    baseline="",
    rounds={"smoke": (1, 2), "standard": (2, 5, 10), "full": (2, 5, 10)},
    condition=_condition,
)
