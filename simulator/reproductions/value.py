"""The result `value-of-human-data`: the gain if each generation has one more human item instead of a model item.

The gain depends on the generation and on the human share. New human items are used in each round after round 1, so one
more item per generation needs t − 1 items up to generation t. Therefore both the gain per item per generation and the
gain per item used are reported.
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
    """Return the exact value of E[μ_t²] for the metric `mean_error` in round t.

    μ_t is the mean of the model after fit t. Return None for other metrics and for round 0.
    """
    if metric != "mean_error" or round == 0 or not isinstance(run.regime, Fresh):
        return None
    return Reference(float(_expected(run.n, run.regime.share, run.generations)[round - 1]), "exact")


def _condition(run: Run) -> str:
    return f"{run.regime.share:.0%} human" if isinstance(run.regime, Fresh) else "other"


def _draw(table: ResultTable) -> Figure:
    """Return a figure with three panels over the human share of each generation's training set.

    They show the equivalent number of human items 1/E[μ²], the gain by one more human item per generation, and the gain
    per human item used. Points are measured, lines are exact.
    """
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
    """Return sentences with the gains between human shares: by one more item per generation, and per item used."""
    lines = [
        "The value of a training set is the number of human items that give the same error, 1/mean_error. A gain is "
        "the increase of this value if each generation has one more human item instead of a synthetic one. Up to "
        "generation t, this uses t − 1 items."
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
    """Return the values of the training sets of generation t, one per human share: measured values, and exact ones."""
    rows = [row_of(group, name, "mean_error", t) for name, group in table.groups.items()]
    exact = [1 / float(_expected(_N, share, _last(table))[t - 1]) for share in _shares(table)]
    return [1 / row.measured for row in rows], exact


def _gains(shares: list[float], worth: list[float]) -> list[float]:
    """Return the increase in value per additional human item per generation, from each human share to the next."""
    return [(worth[i + 1] - worth[i]) / (_N * (shares[i + 1] - shares[i])) for i in range(len(shares) - 1)]


VALUE = Reproduction(
    name="value-of-human-data",
    question="How much does it help if each generation has one more human item, in total and per item used?",
    source="Shumailov et al. 2023 claim that the value of human data increases; Alemohammad et al. 2023. Here, the "
    "gain by one more item per generation increases, and the gain per item used decreases. The curve is not published",
    experiment=_experiment,
    metrics=("mean_error",),
    minutes={"smoke": 0.2, "standard": 1, "full": 15},
    theory=theory,
    rounds={"smoke": (1, 2), "standard": _GENERATIONS, "full": _GENERATIONS},
    draw=_draw,
    answer=_answer,
    condition=_condition,
)
