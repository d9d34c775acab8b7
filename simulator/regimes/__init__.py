"""The regimes: rules that compose the training mix of each round.

A regime has no side effects. It receives a `RunHistory`: the names of datasets and models, and the generations that the
registry computed, but not the true origin of any item. It returns parts: filters that the registry applies. To add a
regime, write a frozen dataclass with a method `parts`, either here (and add its name to `simulator.names`) or in your
own file. The first line of its docstring says what a model trains on; `simulate list` and the report show it.
"""

from simulator.regimes.crawl import Archive, Crawl, Entrant
from simulator.regimes.history import FIRST_MODEL, Regime, RunHistory, everything, human, last_generation, made, newest
from simulator.regimes.literature import Accumulate, AccumulateSubsample, Fresh, HumanOnly, Preserve, Replace
from simulator.regimes.weighing import Augment, Cap, Decay, Golden, HumanPart, golden_ratio

__all__ = [
    "FIRST_MODEL",
    "Accumulate",
    "AccumulateSubsample",
    "Archive",
    "Augment",
    "Cap",
    "Crawl",
    "Decay",
    "Entrant",
    "Fresh",
    "Golden",
    "HumanOnly",
    "HumanPart",
    "Preserve",
    "Regime",
    "Replace",
    "RunHistory",
    "everything",
    "golden_ratio",
    "human",
    "last_generation",
    "made",
    "newest",
]
