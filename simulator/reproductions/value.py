"""What one more human item in each generation is worth, in place of a synthetic one, by generation and human share.

A share is kept in each round from the second on. So at generation t one more item in each has taken t − 1 of them, and
what it is worth for each item so spent is told beside it.
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
    """E[μ_t²], exact."""
    if metric != "mean_error" or round == 0 or not isinstance(run.regime, Fresh):
        return None
    return Reference(float(_expected(run.n, run.regime.share, run.generations)[round - 1]), "exact")


def _condition(run: Run) -> str:
    return f"{run.regime.share:.0%} human" if isinstance(run.regime, Fresh) else "other"


def _draw(table: ResultTable) -> Figure:
    """Left: n items of a mix as so many human ones, 1/E[μ²]. Then what one more in each generation adds; and each."""
    figure = new(14.0, 4.4)
    left, middle, right = figure.subplots(1, 3)
    shares = _shares(table)
    for t, colour in zip([t for t in _GENERATIONS if 1 < t <= _last(table)], COLOURS, strict=False):
        worth, exact = _worth(table, t)
        left.plot(shares, worth, "o", ms=4, color=colour, label=f"generation {t}")
        left.plot(shares, exact, color=colour, lw=1.2)
        middles = [(a + b) / 2 for a, b in pairwise(shares)]
        for values, style in ((worth, "o"), (exact, "-")):
            gains = _gains(shares, values)
            middle.plot(middles, gains, style, ms=4, lw=1.2, color=colour)
            right.plot(middles, [gain / (t - 1) for gain in gains], style, ms=4, lw=1.2, color=colour)
    left.set_ylabel("human items that would do as well, of 100")
    left.legend(fontsize=9)
    middle.set_ylabel("worth of one more human item in each generation")
    right.set_ylabel("the same for each human item spent")
    for panel in (left, middle, right):
        panel.set_xlabel("human share of each generation's training set")
    for panel in (middle, right):
        panel.set_xscale("log")
    return figure


def _answer(table: ResultTable) -> list[str]:
    """What each step in the share is worth, by generation: in each generation, and for each item spent."""
    lines = [
        "worth is counted in human items that would do as well, 1/mean_error, for a human item in place of a synthetic "
        "one. Whether it grows depends on what is counted: at generation t one more in each generation has taken t − 1"
    ]
    told, shares = [t for t in _GENERATIONS if 1 < t <= _last(table)], _shares(table)
    by_generation = [tuple(_gains(shares, values) for values in _worth(table, t)) for t in told]
    for i, (a, b) in enumerate(pairwise(shares)):
        steps = [(t, gains[i], exact[i]) for t, (gains, exact) in zip(told, by_generation, strict=True)]
        each = ", ".join(f"{gain:.3g} (exact {exact:.3g}) at generation {t}" for t, gain, exact in steps)
        spent = ", ".join(f"{gain / (t - 1):.3g} ({exact / (t - 1):.3g})" for t, gain, exact in steps)
        lines.append(f"from {a:.0%} to {b:.0%} human: one more in each generation {each}; for each spent {spent}")
    return lines


def _shares(table: ResultTable) -> list[float]:
    return [group[0].run.regime.share for group in table.groups.values()]  # type: ignore[attr-defined]


def _last(table: ResultTable) -> int:
    return min(group[0].run.generations for group in table.groups.values())


def _worth(table: ResultTable, t: int) -> tuple[list[float], list[float]]:
    """What each training set is worth in a generation: measured, and exactly."""
    rows = [row_of(group, name, "mean_error", t) for name, group in table.groups.items()]
    exact = [1 / float(_expected(_N, share, _last(table))[t - 1]) for share in _shares(table)]
    return [1 / row.measured for row in rows], exact


def _gains(shares: list[float], worth: list[float]) -> list[float]:
    """What the training set is worth more, for each human item more in each generation."""
    places = range(len(shares) - 1)
    return [(worth[i + 1] - worth[i]) / (_N * (shares[i + 1] - shares[i])) for i in places]


VALUE = Reproduction(
    name="value-of-human-data",
    question="What is one more human item in each generation worth, not a synthetic one, and what each item so spent?",
    source="Shumailov et al. 2023 claim that it grows, which depends on what is counted: where each generation has one "
    "more it does, for each item spent it falls; as a curve nobody has published it; Alemohammad et al. 2023",
    experiment=_experiment,
    metrics=("mean_error",),
    minutes={"smoke": 0.2, "standard": 1, "full": 15},
    theory=theory,
    rounds={"smoke": (1, 2), "standard": _GENERATIONS, "full": _GENERATIONS},
    draw=_draw,
    answer=_answer,
    condition=_condition,
)
