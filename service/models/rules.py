"""The generation of a model: 1 + the highest in what it was trained on. Pure."""

from typing import NamedTuple

from firsthand.schemas.base import MAX_GENERATION
from firsthand.schemas.models import Basis, OriginCounts
from service.errors import Unprocessable


class Derivation(NamedTuple):
    """What follows from a model's training data."""

    generation: int
    lower_bound: bool
    basis: Basis
    counts: OriginCounts


def derive(trained_on: bool, counts: OriginCounts, declared: int | None) -> Derivation:
    """The generation of a model trained on items with these counts (human is 0, so human data alone gives 1).

    Unknown and contested items may be of any model, so they make it a lower bound; so do items whose own generation is
    one. Of a model that names no training data, the declared generation is taken, and marked as that.
    """
    if not trained_on:
        return Derivation(declared or 1, declared is None, "declared" if declared else "unknown", counts)
    highest = max((int(generation) for generation in counts.generations), default=0)
    if highest >= MAX_GENERATION:
        raise Unprocessable.at("trained_on", f"its generation would be over {MAX_GENERATION:,}, and none is")
    open_ = counts.unknown + counts.contested + counts.lower_bounds
    return Derivation(1 + highest, open_ > 0 or counts.total == 0, "computed", counts)
