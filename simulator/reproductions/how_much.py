"""The result `how-much-must-we-know`: the drift at generation 10, by the share of model output that is registered.

The drift of a condition is 0 if models are as good as with human data alone, and 1 if they are as bad as with the
regime `replace` (see `drifts`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator, NullLocator

from simulator.config import Experiment, Run
from simulator.data.corpora import Corpus, Digits, Normal
from simulator.data.images import Pixels
from simulator.families.base import Family, Floats
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.families.vae import VAE
from simulator.metrics.intervals import Interval, interval
from simulator.oracles import expect_replace
from simulator.regimes import Crawl, HumanOnly, Replace
from simulator.reproductions import pools
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.figure import COLOURS, new
from simulator.reproductions.rows import PlayedRun, Reference, ResultTable
from simulator.reproductions.table import values_by_seed
from simulator.worlds.commons import Commons

SHARES = (0.5, 0.1, 0.01)
"""shares of human items in the pool"""
_KNOWN: dict[Size, tuple[float, ...]] = {
    "smoke": (0.0, 1.0),
    "standard": (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998, 1.0),
    "full": (0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 1.0),
}
_GENERATIONS: dict[Size, int] = {"smoke": 2, "standard": 10, "full": 10}
#: Planned half width of the 95 % interval of a Gaussian's drift. Only the variation between chains is considered.
_HALF: dict[Size, float] = {"smoke": 0.5, "standard": 0.006, "full": 0.003}
#: The smallest number of chains in a run of Gaussians. With 40 seeds, the standard error of E[μ²] is then 2 %.
_LEAST = 150
#: The number of digits per condition in the strip of pictures (two lines), and the family that generates them.
_STRIP, _STRIP_OF = 12, "autoencoder, digits"


class _FamilyCase(NamedTuple):
    """A family of models with its data, its metric and its numbers of seeds."""

    name: str
    family: Family
    corpus: Corpus
    n: int
    metric: str
    seeds: dict[Size, int]
    known: dict[Size, tuple[float, ...]]
    chains: int = 1
    """number of chains of a run; not used for Gaussians, for which it is computed from `_HALF`"""

    @property
    def exact(self) -> bool:
        """Whether an exact formula exists for the drift of this family."""
        return isinstance(self.family, Gaussian)


_SOME: dict[Size, tuple[float, ...]] = {
    "smoke": (0.0, 1.0),
    "standard": (0.0, 0.5, 0.9, 0.99, 1.0),
    "full": _KNOWN["standard"],
}
_KINDS = (
    _FamilyCase(
        "Gaussian", Gaussian(), Normal(100), 100, "mean_error", {"smoke": 1, "standard": 40, "full": 100}, _KNOWN
    ),
    _FamilyCase(
        "Gaussian mixture, digits",
        GMM(components=10),
        Digits(recrawl=True),
        400,
        "held_out_nll",
        {"smoke": 1, "standard": 8, "full": 20},
        _SOME,
        chains=4,
    ),
    _FamilyCase(
        _STRIP_OF,
        VAE(steps=600),
        Pixels(recrawl=True),
        400,
        "held_out_elbo",
        {"smoke": 1, "standard": 5, "full": 20},
        _SOME,
    ),
)


def enough(n: int, human: float, known: float) -> float:
    """Return the size of a pool, as a multiple of n, in which 1.25 n items are not registered as model output.

    A provider can train on these items. `human` is the share of human items in the pool, and `known` the share of its
    model output that is registered. The size is rounded up to a multiple of 100 items.
    """
    admitted = human + (1 - known) * (1 - human)
    return -(-int(1.25 * n / admitted) // 100) * 100 / n


def _experiment(size: Size) -> Experiment:
    runs = [run for kind in _KINDS for seed in range(kind.seeds[size]) for run in _runs(kind, size, seed)]
    return Experiment("how-much-must-we-know", tuple(runs))


def _runs(kind: _FamilyCase, size: Size, seed: int) -> list[Run]:
    def run(regime: Crawl | HumanOnly | Replace, **settings: Commons) -> Run:
        of = Run(kind.family, kind.corpus, regime, kind.n, _GENERATIONS[size], seed=seed, **settings)  # type: ignore[arg-type]
        return replace(of, chains=_chains(of, size, kind.seeds[size]) if kind.exact else kind.chains)

    ends = [run(HumanOnly()), run(Replace())]
    worlds = [
        Commons(human=share, registered=known, pool=enough(kind.n, share, known))
        for share in (SHARES if size != "smoke" else SHARES[:2])
        for known in kind.known[size]
    ]
    return ends + [run(Crawl(), world=world) for world in worlds]


def _chains(run: Run, size: Size, seeds: int) -> int:
    """Return the number of chains with which half the width of the interval of the drift is `_HALF`; at least `_LEAST`.

    If the mean μ of a model is normally distributed, the standard deviation of μ² is √2 E[μ²].
    """
    low, high = _ends(run)
    spread = 2**0.5 * float(_expected(replace(run, seed=0))[-1]) / (high - low)
    return max(_LEAST, round((1.96 * spread / _HALF[size]) ** 2 / seeds))


def _condition(run: Run) -> str:
    kind = next(kind for kind in _KINDS if kind.family == run.family)
    if isinstance(run.world, Commons):
        return f"{kind.name}, {run.world.human:.0%} human, {100 * run.world.registered:g} % registered"
    return f"{kind.name}, {'human-only' if isinstance(run.regime, HumanOnly) else 'replace'}"


@cache
def _expected(run: Run) -> Floats:
    """Return E[μ_t²] of a Gaussian run, `[generations]`."""
    if (mean_squared := pools.expected(run)) is not None:
        return mean_squared
    if isinstance(run.regime, HumanOnly):
        return np.full(run.generations, 1 / run.n)
    return expect_replace(run.n, run.generations).mean_squared


def _ends(run: Run) -> tuple[float, float]:
    """Return E[μ²] of the last generation with human data alone, and with the regime replace."""
    return 1 / run.n, float(expect_replace(run.n, run.generations).mean_squared[-1])


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return the exact value of E[μ_t²] for the metric `mean_error` of a Gaussian.

    μ_t is the mean of the model after fit t. Return None for other families and metrics.
    """
    if metric != "mean_error" or round == 0 or not isinstance(run.family, Gaussian):
        return None
    return Reference(float(_expected(run)[round - 1]), "exact")


class _DriftPoint(NamedTuple):
    """The drift of one condition, with its shares of human items and of registered output, and its runs."""

    human: float
    known: float
    drift: Interval
    members: Sequence[PlayedRun]


def drifts(table: ResultTable, kind: _FamilyCase) -> list[_DriftPoint]:
    """Return the drift of each condition of a family at the last generation.

    The drift r is 0 if a condition is as good as human data alone, and 1 if it is as bad as the regime `replace`:

        r = (m − l)/(h − l).

    m is the metric of the condition, l the metric with human data alone, and h the metric with `replace`, each as the
    mean over seeds. For a Gaussian, l and h are exact. For other families, they are measured for each seed. The
    interval of r is the interval of the mean over seeds i of r + (m_i − l_i − r·(h_i − l_i))/(h − l). This is the
    interval of a ratio, to first order in m, l and h.
    """
    ours = {name: group for name, group in table.groups.items() if group[0].run.family == kind.family}
    last = max(group[0].run.generations for group in ours.values())
    ends = [values_by_seed(ours[f"{kind.name}, {end}"], kind.metric, last) for end in ("human-only", "replace")]
    points = []
    for group in ours.values():
        if isinstance(world := group[0].run.world, Commons):
            measured = values_by_seed(group, kind.metric, last)
            m = np.array(list(measured.values()))
            l, h = (np.array([of[seed] for seed in measured]) for of in ends)  # noqa: E741
            if kind.exact:
                l, h = (np.full_like(m, end) for end in _ends(group[0].run))  # noqa: E741
            ratio = (m.mean() - l.mean()) / (h.mean() - l.mean())
            around = (m - l - ratio * (h - l)) / (h.mean() - l.mean())
            points.append(_DriftPoint(world.human, world.registered, interval(ratio + around), group))
    return points


def _draw(table: ResultTable) -> Figure:
    """Return a figure with one panel of drifts per family, and below them digits of the last generation."""
    figure = new(12, 7.6)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(3, 2))[:, 0]
    panels = above.subplots(1, len(_KINDS), sharey=True)
    for panel, kind in zip(panels, _KINDS, strict=True):
        _panel(panel, drifts(table, kind), kind)
    last = max(group[0].run.generations for group in table.groups.values())
    panels[0].set_ylabel(f"drift at generation {last}")
    panels[0].legend(title="human share of the pool", fontsize=9)
    above.suptitle("drift 0: human data alone; drift 1: replace", fontsize=10)
    above.supxlabel("share of synthetic output that is registered", fontsize=10)
    _strip(below, drifts(table, next(kind for kind in _KINDS if kind.name == _STRIP_OF)), last)
    return figure


def _panel(panel: Axes, points: Sequence[_DriftPoint], kind: _FamilyCase) -> None:
    for share, colour in zip(SHARES, COLOURS, strict=False):
        ours = [point for point in points if point.human == share]
        if not ours:
            continue
        x, means = [_axis_position(point.known) for point in ours], [point.drift.mean for point in ours]
        drifts = [point.drift for point in ours]
        ends = [[drift.mean - drift.low for drift in drifts], [drift.high - drift.mean for drift in drifts]]
        panel.errorbar(x, means, ends, color=colour, fmt="o", ms=4, capsize=2, label=f"{share:.0%}")
        if kind.exact:
            _theory(panel, ours[0].members[0].run, colour)
        else:
            panel.plot(x, means, color=colour, lw=1, alpha=0.6)
    panel.set_title(kind.name, fontsize=10)
    marks = (0.0, 0.5, 0.9, 0.99, 1.0)
    panel.xaxis.set_major_locator(FixedLocator([_axis_position(mark) for mark in marks]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticklabels([f"{mark:.0%}" for mark in marks])
    panel.plot([_BREAK - 0.04, _BREAK + 0.04], [0, 0], transform=panel.get_xaxis_transform(), **_SLASHES)


def _theory(panel: Axes, run: Run, colour: str) -> None:
    """Draw the exact drift as a line up to the break of the axis, and as a short line at 100 %."""
    x = np.linspace(0, _BREAK - 0.1, 60)
    panel.plot(x, [_exact(run, 1 - 10**-position) for position in x], color=colour, lw=1.5)
    end = _axis_position(1.0)
    panel.plot([end - 0.12, end + 0.12], [_exact(run, 1.0)] * 2, color=colour, lw=1.5)


def _exact(run: Run, known: float) -> float:
    """Return the exact drift of a Gaussian in the world of `run`, but with this share registered."""
    assert isinstance(run.world, Commons)
    world = replace(run.world, registered=known, pool=enough(run.n, run.world.human, known))
    low, high = _ends(run)
    return (float(_expected(replace(run, world=world))[-1]) - low) / (high - low)


def _strip(figure: SubFigure, points: Sequence[_DriftPoint], last: int) -> None:
    """Draw items of the last generation of one seed: one row per human share, one column per registered share."""
    shares = [share for share in SHARES if any(point.human == share for point in points)]
    known = list(dict.fromkeys(point.known for point in points))
    cells = figure.subplots(len(shares), len(known), squeeze=False)
    for point in points:
        cell = cells[shares.index(point.human)][known.index(point.known)]
        folder = point.members[0].results.folder
        pictures = np.load(folder / "samples" / f"round-{last:03d}.npy")[:_STRIP]
        lines = [np.hstack([np.pad(picture, 1) for picture in half]) for half in np.split(pictures, 2)]
        cell.imshow(np.vstack(lines), cmap="gray_r", vmin=0, vmax=255)
        cell.set(xticks=[], yticks=[])
        cell.grid(visible=False)
        cell.spines[:].set_visible(False)
        if point.human == shares[0]:
            cell.set_title(f"{point.known:.0%} registered", fontsize=9)
        if point.known == known[0]:
            cell.set_ylabel(f"{point.human:.0%} human", fontsize=9)
    figure.suptitle(f"digits drawn by the {_STRIP_OF.split(',')[0]} of generation {last}", fontsize=10)


#: The position of the break in the axis before 100 %, and its marker.
_BREAK = 3.1
_SLASHES: Any = {"marker": [(-1, -1.6), (1, 1.6)], "ms": 8, "ls": "none", "color": "k", "mew": 1, "clip_on": False}


def _axis_position(known: float) -> float:
    """Return the position of a registered share on the axis: −log10 of the share that is not registered.

    The share 1 is behind the break of the axis.
    """
    return _BREAK + 0.3 if known == 1 else float(-np.log10(1 - known))


def _answer(table: ResultTable) -> list[str]:
    """Return the drifts of each family and human share, one sentence per pair."""
    return [
        f"Drift, {kind.name}, {share:.0%} human: {', '.join(map(_point_text, points))}"
        for kind in _KINDS
        for share in SHARES
        if (points := [point for point in drifts(table, kind) if point.human == share])
    ]


def _point_text(point: _DriftPoint) -> str:
    mean, low, high = point.drift
    ends = f" [{low:.2f}, {high:.2f}]" if point.drift.known else ""
    return f"{mean:.2f}{ends} at {100 * point.known:g} % registered"


HOW_MUCH = Reproduction(
    name="how-much-must-we-know",
    question="How much of the synthetic output must be registered to prevent collapse?",
    source="not published; theory derived in simulator/oracles/commons.py",
    experiment=_experiment,
    metrics=("mean_error", "held_out_nll", "held_out_elbo"),
    answer=_answer,
    minutes={"smoke": 0.5, "standard": 45, "full": 300},
    theory=theory,
    rounds={"smoke": (2,), "standard": (5, 10), "full": (5, 10)},
    draw=_draw,
    condition=_condition,
)
