"""The result `gmm-notebook`: the Gaussian mixture of the notebook of Shumailov et al. 2023.

The notebook has one chain. This result has 20 chains, so it shows how much of the drift is chance.
"""

from matplotlib.figure import Figure

from simulator.config import Experiment, Run
from simulator.data.corpora import Blobs
from simulator.families.gmm import GMM
from simulator.regimes import Replace
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.figure import COLOURS, new
from simulator.reproductions.rows import ResultTable

_N = 1_000
_GENERATIONS: dict[Size, int] = {"smoke": 3, "standard": 500, "full": 2_000}
#: The range of the squared L2 distance in the published outputs of the notebook (one seed each), by generation.
_NOTEBOOK = {50: (0.03, 0.06), 2_000: (100.0, 1_000.0)}
_COMPARED = (50, 500, 2_000)


def _experiment(size: Size) -> Experiment:
    """Return one run with the notebook's settings: two components, tolerance 1e-5, at most 2,000 iterations."""
    family = GMM(components=2, tolerance=1e-5, max_iterations=2_000 if size != "smoke" else 50)
    chains = 20 if size != "smoke" else 2
    run = Run(family, Blobs(_N, blobs=1, radius=0.0), Replace(), n=_N, generations=_GENERATIONS[size], chains=chains)
    return Experiment("gmm-notebook", (run,))


def _draw(table: ResultTable) -> Figure:
    """Return a figure of the median over chains on logarithmic axes, with the ranges of the notebook as bars.

    It has no band of quantiles, because a row has only the mean, standard deviation and median over chains.
    """
    figure = new(10.5, 4.2)
    panels = figure.subplots(1, 3)
    results = next(iter(table.groups.values()))[0].results
    for panel, metric, colour in zip(panels, table.metrics, COLOURS, strict=False):
        median, mean = (results.series(metric, statistic)[1:] for statistic in ("median", "mean"))
        rounds = range(1, len(results.rows))
        panel.loglog(rounds, median, color=colour, label="median of 20 chains")
        panel.loglog(rounds, mean, color=colour, ls=":", label="mean")
        panel.set_title(metric.replace("_", " "), fontsize=10)
        panel.set_xlabel("generation")
    theirs = {t: ends for t, ends in _NOTEBOOK.items() if t < len(results.rows)}
    lows, highs = ([ends[side] for ends in theirs.values()] for side in (0, 1))
    panels[0].vlines(list(theirs), lows, highs, color="black", lw=4, alpha=0.6, label="the notebook")
    panels[0].legend(fontsize=9)
    return figure


def _answer(table: ResultTable) -> list[str]:
    """Return sentences that compare the squared L2 distance with the outputs of the notebook."""
    lines = [
        "The rows have the mean, standard deviation and median over chains, but not the value of each chain. So the "
        "median has no interval. The distribution has heavy tails, so Student's interval of the mean is too narrow."
    ]
    for row in table.of("l2_first"):
        if row.round not in _COMPARED:
            continue
        ours = (
            f"median {row.median:.3g}, mean {row.measured:.3g} [{row.low:.3g}, {row.high:.3g}] over {row.chains} chains"
        )
        low, high = _NOTEBOOK.get(row.round, (None, None))
        theirs = "the notebook does not show it" if low is None else f"the notebook shows {low:g} to {high:g}"
        lines.append(f"Squared L2 distance in generation {row.round}: {ours}; {theirs}.")
    return lines


NOTEBOOK = Reproduction(
    name="gmm-notebook",
    question="Does a mixture of Gaussians drift as in the paper's notebook, and how much of the drift is chance?",
    source="Shumailov et al. 2023, the notebook of the published code",
    experiment=_experiment,
    metrics=("l2_first", "w2_squared", "variance"),
    minutes={"smoke": 0.1, "standard": 5, "full": 40},
    rounds={"smoke": (1, 3), "standard": (1, 50, 100, 500), "full": (1, 50, 100, 500, 1_000, 2_000)},
    draw=_draw,
    answer=_answer,
)
