"""The value of one more human item per generation, instead of a synthetic one, by generation and human share.

New human items are used in each round from the second on. So one more item per generation uses t − 1 items up to
generation t, and the value per item used is reported beside the value per generation.
"""

from functools import cache
from itertools import pairwise

from matplotlib.figure import Figure

from simulator import oracles
from simulator.config import Experiment, Run
from simulator.data.corpora import Normal
from simulator.families.base import Floats
from simulator.families.gaussian import Gaussian
from simulator.regimes import Fresh
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.figure import COLOURS, new
from simulator.reproductions.rows import Reference, ResultTable
from simulator.reproductions.table import row_of

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
    """Return E[μ_t²], exact."""
    if metric != "mean_error" or round == 0 or not isinstance(run.regime, Fresh):
        return None
    return Reference(float(_expected(run.n, run.regime.share, run.generations)[round - 1]), "exact")


def _condition(run: Run) -> str:
    return f"{run.regime.share:.0%} human" if isinstance(run.regime, Fresh) else "other"


def _draw(table: ResultTable) -> Figure:
    """Return three panels: the equivalent number of human items, 1/E[μ²], and the gains per generation and per item."""
    figure = new(14.0, 4.4)
    equivalent, per_generation, per_item = figure.subplots(1, 3)
    shares = _shares(table)
    for t, colour in zip([t for t in _GENERATIONS if 1 < t <= _last(table)], COLOURS, strict=False):
        worth, exact = _worth(table, t)
        equivalent.plot(shares, worth, "o", ms=4, color=colour, label=f"generation {t}")
        equivalent.plot(shares, exact, color=colour, lw=1.2)
        middles = [(a + b) / 2 for a, b in pairwise(shares)]
        for values, style in ((worth, "o"), (exact, "-")):
            gains = _gains(shares, values)
            per_generation.plot(middles, gains, style, ms=4, lw=1.2, color=colour)
            per_item.plot(middles, [gain / (t - 1) for gain in gains], style, ms=4, lw=1.2, color=colour)
    equivalent.set_ylabel("equivalent number of human items, of 100")
    equivalent.legend(fontsize=9)
    per_generation.set_ylabel("gain by one more human item per generation")
    per_item.set_ylabel("gain per human item used")
    for panel in (equivalent, per_generation, per_item):
        panel.set_xlabel("human share of each generation's training set")
    for panel in (per_generation, per_item):
        panel.set_xscale("log")
    return figure


def _answer(table: ResultTable) -> list[str]:
    """Return the gain of each step in the human share, by generation: per generation, and per item used."""
    lines = [
        "The value of a training set is the number of human items with the same error, 1/mean_error. A gain is its "
        "increase by one human item instead of a synthetic one. Up to generation t, one more item per generation uses "
        "t − 1 items."
    ]
    generations, shares = [t for t in _GENERATIONS if 1 < t <= _last(table)], _shares(table)
    by_generation = [tuple(_gains(shares, values) for values in _worth(table, t)) for t in generations]
    for i, (a, b) in enumerate(pairwise(shares)):
        steps = [(t, gains[i], exact[i]) for t, (gains, exact) in zip(generations, by_generation, strict=True)]
        gained = ", ".join(f"{gain:.3g} (exact {exact:.3g}) at generation {t}" for t, gain, exact in steps)
        used = ", ".join(f"{gain / (t - 1):.3g} ({exact / (t - 1):.3g})" for t, gain, exact in steps)
        lines.append(
            f"From {a:.0%} to {b:.0%} human: gain by one more item per generation {gained}; per item used {used}."
        )
    return lines


def _shares(table: ResultTable) -> list[float]:
    return [group[0].run.regime.share for group in table.groups.values()]  # type: ignore[attr-defined]


def _last(table: ResultTable) -> int:
    return min(group[0].run.generations for group in table.groups.values())


def _worth(table: ResultTable, t: int) -> tuple[list[float], list[float]]:
    """Return the value of each training set in a generation: measured, and exact."""
    rows = [row_of(group, name, "mean_error", t) for name, group in table.groups.items()]
    exact = [1 / float(_expected(_N, share, _last(table))[t - 1]) for share in _shares(table)]
    return [1 / row.measured for row in rows], exact


def _gains(shares: list[float], worth: list[float]) -> list[float]:
    """Return the increase in value per additional human item per generation, for each step in the share."""
    return [(worth[i + 1] - worth[i]) / (_N * (shares[i + 1] - shares[i])) for i in range(len(shares) - 1)]


VALUE = Reproduction(
    name="value-of-human-data",
    question="What is one more human item per generation worth, instead of a synthetic one, and what per item used?",
    source="Shumailov et al. 2023 claim that it increases: per generation it does, per item used it decreases; the "
    "curve is not published; Alemohammad et al. 2023",
    experiment=_experiment,
    metrics=("mean_error",),
    minutes={"smoke": 0.2, "standard": 1, "full": 15},
    theory=theory,
    rounds={"smoke": (1, 2), "standard": _GENERATIONS, "full": _GENERATIONS},
    draw=_draw,
    answer=_answer,
    condition=_condition,
)
