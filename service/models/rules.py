"""The generation of a model: 1 + the highest generation in its training data. These functions have no side effects."""

from typing import NamedTuple

from firsthand.schemas.base import MAX_GENERATION
from firsthand.schemas.models import Basis, OriginCounts
from service.errors import Unprocessable


class Derivation(NamedTuple):
    """The generation of a model, computed from its training data."""

    generation: int
    lower_bound: bool
    basis: Basis
    counts: OriginCounts


def derive(trained_on: bool, counts: OriginCounts, declared: int | None) -> Derivation:
    """Return the generation of a model whose training data has these counts.

    Human items have generation 0, so a model that was trained only on human items has generation 1. The result is a
    lower bound in three cases: there are unknown or contested items, which may come from any model; the generation of
    an item is a lower bound; there are no items. A model without training data gets the declared generation, with the
    basis `declared`. Without a declared generation, it gets the lower bound 1, with the basis `unknown`. Raises
    Unprocessable if the generation is above MAX_GENERATION.
    """
    if not trained_on:
        return Derivation(declared or 1, declared is None, "declared" if declared else "unknown", counts)
    highest = max((int(generation) for generation in counts.generations), default=0)
    if highest >= MAX_GENERATION:
        raise Unprocessable.at(
            "trained_on",
            f"the generation of the model would be above {MAX_GENERATION:,}, which is the limit; remove the data of "
            "the highest generation",
        )
    uncertain = counts.unknown + counts.contested + counts.lower_bounds
    return Derivation(1 + highest, uncertain > 0 or counts.total == 0, "computed", counts)
