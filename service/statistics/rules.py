"""Counts of standing claims, from the catalog alone. Pure."""

from collections.abc import Callable

import numpy as np

from firsthand.core.verdicts import HUMAN, NO_GENERATION, ORIGINS
from firsthand.schemas.statistics import Statistics
from service.claims.catalog import View


def statistics(view: View) -> Statistics:
    """Standing claims by origin, generation, dataset and organization at the view's position."""
    ids = view.standing()
    rows, claims = view.registrations, view.claims(ids)
    items = rows["items"][ids].astype(np.int64) - view.withdrawn_items()[ids]
    generation = np.where(claims.origin == HUMAN, 0, claims.generation)

    def by(column: np.ndarray, name: Callable[[int], str]) -> dict[str, int]:
        values, inverse = np.unique(column, return_inverse=True)
        totals = np.bincount(inverse, weights=items, minlength=len(values)).astype(np.int64)
        return {name(int(value)): int(total) for value, total in zip(values, totals, strict=True)}

    return Statistics(
        position=view.position,
        claims=int(items.sum()),
        registrations=len(ids),
        by_origin=by(claims.origin, lambda code: ORIGINS[code]),
        by_generation=by(generation, lambda g: "none" if g == NO_GENERATION else str(g)),
        by_dataset=by(rows["dataset"][ids], lambda id_: view.catalog.datasets[id_].name),
        by_organization=by(rows["organization"][ids], lambda id_: view.catalog.organizations[id_].name),
    )


def points(position: int, count: int) -> list[int]:
    """At most `count` positions before the last one, evenly spaced."""
    return sorted({position * i // (count + 1) for i in range(1, count + 1)} - {0, position})
