"""The demo: handwritten digits, four regimes, a few seeds."""

from typing import NamedTuple

from simulator.config import Experiment
from simulator.options import Options

#: The metrics of the table in the terminal, the primary one first; the report has every metric.
METRICS = ("held_out_nll", "recall", "variance", "classes")

REGIMES = ("replace", "preserve:0.1", "accumulate", "human-only")


class DemoSize(NamedTuple):
    """The size of the demo: seeds, rounds, and items that each model trains on."""

    seeds: int
    generations: int
    n: int


FULL = DemoSize(seeds=5, generations=10, n=1000)
SMALLEST = DemoSize(seeds=2, generations=2, n=200)


def experiment(size: DemoSize) -> Experiment:
    """Return the demo: a mixture of ten Gaussians, first fitted to the digits, then to mixes with its own output."""
    options = Options(
        family="gmm:components=10",
        data="digits",
        regimes=list(REGIMES),
        **size._asdict(),
    )
    return options.experiment("demo")
