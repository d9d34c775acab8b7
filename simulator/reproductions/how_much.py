"""How much must we know? Drift at generation 10 by the share of synthetic output that is registered."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from simulator.config import Experiment, Run
from simulator.corpora import Corpus, Digits, Normal
from simulator.models.base import Family, Floats
from simulator.models.gaussian import Gaussian
from simulator.models.gmm import GMM
from simulator.oracles import expect_replace
from simulator.recipes import Crawl, HumanOnly, Replace
from simulator.reproductions import pools
from simulator.reproductions.base import Reference, Reproduction, Size
from simulator.reproductions.figure import COLOURS, new
from simulator.reproductions.table import Member, Table, values_by_seed
from simulator.results import Interval, interval
from simulator.worlds import Commons

SHARES = (0.5, 0.1, 0.01)
"""of human items in each pool"""
_KNOWN: dict[Size, tuple[float, ...]] = {
    "smoke": (0.0, 1.0),
    "standard": (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998, 1.0),
    "full": (0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 1.0),
}
_GENERATIONS: dict[Size, int] = {"smoke": 2, "standard": 10, "full": 10}
#: Values, chains × items of a pool, that a run of Gaussians makes a round.
_VALUES: dict[Size, int] = {"smoke": 50_000, "standard": 500_000, "full": 2_000_000}


class _Kind(NamedTuple):
    """A family, its data, and how it is measured."""

    name: str
    family: Family
    corpus: Corpus
    n: int
    metric: str
    seeds: dict[Size, int]
    known: dict[Size, tuple[float, ...]]


_SOME: dict[Size, tuple[float, ...]] = {
    "smoke": (0.0, 1.0),
    "standard": (0.0, 0.5, 0.9, 0.99, 1.0),
    "full": _KNOWN["standard"],
}
_KINDS = (
    _Kind("Gaussian", Gaussian(), Normal(100), 100, "mean_error", {"smoke": 1, "standard": 20, "full": 100}, _KNOWN),
    _Kind(
        "Gaussian mixture, digits",
        GMM(components=10),
        Digits(recrawl=True),
        400,
        "held_out_nll",
        {"smoke": 1, "standard": 5, "full": 20},
        _SOME,
    ),
)


def enough(n: int, human: float, known: float) -> float:
    """The size of a pool, in times n, that leaves a quarter more than n to train on; whole hundreds of items."""
    left = human + (1 - known) * (1 - human)
    return -(-int(1.25 * n / left) // 100) * 100 / n


def _experiment(size: Size) -> Experiment:
    runs = [run for kind in _KINDS for seed in range(kind.seeds[size]) for run in _runs(kind, size, seed)]
    return Experiment("how-much-must-we-know", tuple(runs))


def _runs(kind: _Kind, size: Size, seed: int) -> list[Run]:
    def run(regime: Crawl | HumanOnly | Replace, items: int, **settings: Commons) -> Run:
        chains = max(50, min(1_000, _VALUES[size] // items)) if kind.metric == "mean_error" else 1
        return Run(
            kind.family,
            kind.corpus,
            regime,
            n=kind.n,
            generations=_GENERATIONS[size],
            chains=chains,
            seed=seed,
            **settings,  # type: ignore[arg-type]
        )

    ends = [run(HumanOnly(), kind.n), run(Replace(), kind.n)]
    worlds = [
        Commons(human=share, registered=known, pool=enough(kind.n, share, known))
        for share in (SHARES if size != "smoke" else SHARES[:2])
        for known in kind.known[size]
    ]
    return ends + [run(Crawl(), world.size(kind.n), world=world) for world in worlds]


def _condition(run: Run) -> str:
    kind = next(kind for kind in _KINDS if kind.family == run.family)
    if isinstance(run.world, Commons):
        return f"{kind.name}, {run.world.human:.0%} human, {100 * run.world.registered:g} % registered"
    return f"{kind.name}, {'human-only' if isinstance(run.regime, HumanOnly) else 'replace'}"


@cache
def _expected(run: Run) -> Floats:
    """E[μ_t²], `[generations]`, of the Gaussian runs."""
    if (found := pools.expected(run)) is not None:
        return found
    if isinstance(run.regime, HumanOnly):
        return np.full(run.generations, 1 / run.n)
    return expect_replace(run.n, run.generations).mean_squared


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Exact where the family is a Gaussian."""
    if metric != "mean_error" or round == 0 or not isinstance(run.family, Gaussian):
        return None
    return Reference(float(_expected(run)[round - 1]), "exact")


def _draw(table: Table) -> Figure:
    """A panel a family: 0 is what human data alone gives, 1 the collapse of a line that replaces its data."""
    figure = new(11, 4.6)
    panels = figure.subplots(1, len(_KINDS), sharey=True, squeeze=False)[0]
    for panel, kind in zip(panels, _KINDS, strict=True):
        _panel(panel, table, kind)
    panels[0].set_ylabel("drift at generation 10\n(0: human data alone, 1: each generation replaces the last)")
    panels[0].legend(title="human share of the pool", fontsize=9)
    return figure


def _panel(panel: Axes, table: Table, kind: _Kind) -> None:
    ours = {name: group for name, group in table.groups.items() if group[0].run.family == kind.family}
    last = max(group[0].run.generations for group in ours.values())
    low, high = (_mean(ours[f"{kind.name}, {end}"], kind.metric, last) for end in ("human-only", "replace"))
    for share, colour in zip(SHARES, COLOURS, strict=False):
        points = [group for group in ours.values() if getattr(group[0].run.world, "human", None) == share]
        if not points:
            continue
        known = [group[0].run.world.registered for group in points]  # type: ignore[attr-defined]
        drift = [_drift(group, kind.metric, last, low, high) for group in points]
        errors = [[one.mean - one.low for one in drift], [one.high - one.mean for one in drift]]
        x = [_place(one) for one in known]
        means = [one.mean for one in drift]
        panel.errorbar(x, means, errors, color=colour, fmt="o", ms=4, capsize=2, label=f"{share:.0%}")
        if kind.metric == "mean_error":
            _theory(panel, points, last, colour)
        else:
            panel.plot(x, means, color=colour, lw=1, alpha=0.6)
    panel.set_title(kind.name, fontsize=10)
    panel.set_xlabel("share of synthetic output that is registered")
    marks = (0.0, 0.5, 0.9, 0.99, 1.0)
    panel.xaxis.set_major_locator(FixedLocator([_place(one) for one in marks]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticklabels([f"{one:.0%}" for one in marks])


def _theory(panel: Axes, points: Sequence[Sequence[Member]], last: int, colour: str) -> None:
    n = points[0][0].run.n
    low, high = 1 / n, float(expect_replace(n, last).mean_squared[-1])
    exact = [(float(_expected(group[0].run)[-1]) - low) / (high - low) for group in points]
    panel.plot([_place(group[0].run.world.registered) for group in points], exact, color=colour, lw=1.5)  # type: ignore[attr-defined]


def _place(known: float) -> float:
    """Where a share stands: by the share that is not known, for the last per cent are those that matter."""
    return float(-np.log10(max(1 - known, 1e-3)))


def _mean(group: Sequence[Member], metric: str, t: int) -> float:
    return float(np.mean(list(values_by_seed(group, metric, t).values())))


def _drift(group: Sequence[Member], metric: str, t: int, low: float, high: float) -> Interval:
    found = interval(list(values_by_seed(group, metric, t).values()))
    return Interval(*((end - low) / (high - low) for end in found))


HOW_MUCH = Reproduction(
    name="how-much-must-we-know",
    question="How much of the synthetic output must be registered, so that models do not collapse?",
    source="nobody has published it; theory derived in simulator/oracles/commons.py",
    experiment=_experiment,
    metrics=("mean_error", "held_out_nll"),
    minutes={"smoke": 0.5, "standard": 20, "full": 300},
    theory=theory,
    rounds={"smoke": (2,), "standard": (5, 10), "full": (5, 10)},
    draw=_draw,
    condition=_condition,
)
