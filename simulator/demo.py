"""The demo: models of handwritten digits are trained under four regimes, each with a few seeds."""

from typing import NamedTuple

from simulator.config import Experiment
from simulator.options import Options

#: The metrics of the table in the terminal. The first is the primary metric. The report has all metrics.
METRICS = ("held_out_nll", "recall", "variance", "classes")

REGIMES = ("replace", "preserve:0.1", "accumulate", "human-only")


class DemoSize(NamedTuple):
    """The size of the demo: the number of seeds, of rounds, and of items (n) that each model trains on."""

    seeds: int
    generations: int
    n: int


FULL = DemoSize(seeds=5, generations=10, n=1000)
SMALLEST = DemoSize(seeds=2, generations=2, n=200)


def experiment(size: DemoSize) -> Experiment:
    """Return the experiment of the demo: mixtures of ten Gaussians that are fitted to handwritten digits.

    The first model is fitted to human digits only, and each later model to a training mix that a regime selects.
    """
    options = Options(
        family="gmm:components=10",
        data="digits",
        regimes=list(REGIMES),
        **size._asdict(),
    )
    return options.experiment("demo")
