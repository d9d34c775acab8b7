"""The generation of a model: 1 + the highest generation in its training data. Pure."""

from typing import NamedTuple

from firsthand.schemas.base import MAX_GENERATION
from firsthand.schemas.models import Basis, OriginCounts
from service.errors import Unprocessable


class Derivation(NamedTuple):
    """The generation that follows from a model's training data."""

    generation: int
    lower_bound: bool
    basis: Basis
    counts: OriginCounts


def derive(trained_on: bool, counts: OriginCounts, declared: int | None) -> Derivation:
    """Return the generation of a model that was trained on items with these counts.

    Human items have generation 0, so a model trained on human data only has 1. Unknown and contested items may come
    from any model, so the generation is then a lower bound; so it is if the generation of an item is one. A model that
    names no training data gets the declared generation, which is marked as declared. Raises Unprocessable if the
    generation is too high.
    """
    if not trained_on:
        return Derivation(declared or 1, declared is None, "declared" if declared else "unknown", counts)
    highest = max((int(generation) for generation in counts.generations), default=0)
    if highest >= MAX_GENERATION:
        raise Unprocessable.at(
            "trained_on", f"the generation of the model would be over {MAX_GENERATION:,}, which is the highest"
        )
    uncertain = counts.unknown + counts.contested + counts.lower_bounds
    return Derivation(1 + highest, uncertain > 0 or counts.total == 0, "computed", counts)
