"""The main job in one command: real handwritten digits, four regimes, a few seeds."""

from typing import NamedTuple

from simulator.config import Experiment
from simulator.options import Options

#: What the table in the terminal shows, the primary one first; the report has every metric.
METRICS = ("held_out_nll", "recall", "variance", "classes")

REGIMES = ("replace", "preserve:0.1", "accumulate", "human-only")


class Size(NamedTuple):
    """How much of the demo to play."""

    seeds: int
    generations: int
    n: int


FULL = Size(seeds=5, generations=10, n=1000)
SMALLEST = Size(seeds=2, generations=2, n=200)


def experiment(size: Size) -> Experiment:
    """A mixture of ten Gaussians fitted to the digits, then to what the registry gives of its own output."""
    options = Options(
        family="gmm:components=10",
        data="digits",
        regimes=list(REGIMES),
        **size._asdict(),
    )
    return options.experiment("demo")
