"""Each regime of the literature as the recipe of a round's training mix. Pure.

A regime sees a `History`: names of datasets and models, and the generations that the registry computed; never the
origin of an item. It answers with parts, filters that the registry applies. To add one, write a frozen dataclass with
`parts`, here or in a file of your own; nothing else needs to know.
"""

from simulator.regimes.crawl import Archive, Crawl, Entrant
from simulator.regimes.history import FIRST_MODEL, History, Regime, everything, human, last_generation, made, newest
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
    "History",
    "HumanOnly",
    "HumanPart",
    "Preserve",
    "Regime",
    "Replace",
    "everything",
    "golden_ratio",
    "human",
    "last_generation",
    "made",
    "newest",
]
