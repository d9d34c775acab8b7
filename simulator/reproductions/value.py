"""What one more human item is worth, by generation and synthetic share."""

from functools import cache
from itertools import pairwise

from matplotlib.figure import Figure

from simulator import oracles
from simulator.config import Experiment, Run
from simulator.corpora import Normal
from simulator.models.base import Floats
from simulator.models.gaussian import Gaussian
from simulator.recipes import Fresh
from simulator.reproductions.base import Reference, Reproduction, Size
from simulator.reproductions.figure import COLOURS, new
from simulator.reproductions.table import Table, row_of

_N = 100
_SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_GENERATIONS = (1, 2, 5, 10, 20)


def _experiment(size: Size) -> Experiment:
    chains, seeds, generations = {"smoke": (200, 1, 2), "standard": (6_000, 4, 20), "full": (10_000, 10, 20)}[size]
    runs = [
        Run(Gaussian(), Normal(_N), Fresh(share), n=_N, generations=generations, chains=chains, seed=seed)
        for seed in range(seeds)
        for share in (_SHARES if size != "smoke" else _SHARES[::4])
    ]
    return Experiment("value-of-human-data", tuple(runs))


@cache
def _expected(n: int, share: float, rounds: int) -> Floats:
    return oracles.expect_fresh(n, share, rounds).mean_squared


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """E[μ_t²], exact."""
    if metric != "mean_error" or round == 0 or not isinstance(run.regime, Fresh):
        return None
    return Reference(float(_expected(run.n, run.regime.share, run.generations)[round - 1]), "exact")


def _condition(run: Run) -> str:
    return f"{run.regime.share:.0%} human" if isinstance(run.regime, Fresh) else "other"


def _draw(table: Table) -> Figure:
    """Left: n items of a mix as so many human ones, 1/E[μ²]. Right: what one more human item adds to that."""
    figure = new(10.5, 4.4)
    left, right = figure.subplots(1, 2)
    runs = [group[0].run for group in table.groups.values()]
    shares = [run.regime.share for run in runs]  # type: ignore[attr-defined]
    last = min(run.generations for run in runs)
    for t, colour in zip([t for t in _GENERATIONS if 1 < t <= last], COLOURS, strict=False):
        rows = [row_of(group, name, "mean_error", t) for name, group in table.groups.items()]
        worth = [1 / row.measured for row in rows]
        exact = [1 / float(_expected(_N, share, last)[t - 1]) for share in shares]
        left.plot(shares, worth, "o", ms=4, color=colour, label=f"generation {t}")
        left.plot(shares, exact, color=colour, lw=1.2)
        middles = [(a + b) / 2 for a, b in pairwise(shares)]
        for values, style in ((worth, "o"), (exact, "-")):
            right.plot(middles, _gains(shares, values), style, ms=4, lw=1.2, color=colour)
    left.set_xlabel("human share of the training set")
    left.set_ylabel("human items that would do as well, of 100")
    left.legend(fontsize=9)
    right.set_xscale("log")
    right.set_xlabel("human share of the training set")
    right.set_ylabel("human items that one more human item is worth")
    return figure


def _gains(shares: list[float], worth: list[float]) -> list[float]:
    """What the training set is worth more, for each human item more."""
    places = range(len(shares) - 1)
    return [(worth[i + 1] - worth[i]) / (_N * (shares[i + 1] - shares[i])) for i in places]


VALUE = Reproduction(
    name="value-of-human-data",
    question="What is one more human item worth, generation by generation?",
    source="Shumailov et al. 2023 claim that it grows; as a curve nobody has published it; Alemohammad et al. 2023",
    experiment=_experiment,
    metrics=("mean_error",),
    minutes={"smoke": 0.2, "standard": 3, "full": 15},
    theory=theory,
    rounds={"smoke": (1, 2), "standard": _GENERATIONS, "full": _GENERATIONS},
    draw=_draw,
    condition=_condition,
)
