"""Numbers of standing claims, computed from the catalog. These functions have no side effects."""

from collections.abc import Callable

import numpy as np

from firsthand.core.verdicts import HUMAN, NO_GENERATION, ORIGINS
from firsthand.schemas.statistics import Statistics
from service.claims.view import View


def statistics(view: View) -> Statistics:
    """Return the numbers of standing claims by origin, generation, dataset and organization, at the view's position."""
    ids = view.standing()
    rows, claims = view.registrations, view.claims(ids)
    items = rows["items"][ids].astype(np.int64) - view.withdrawn_items()[ids]
    generation = np.where(claims.origin == HUMAN, 0, claims.generation)

    def totals(column: np.ndarray, name: Callable[[int], str]) -> dict[str, int]:
        values, inverse = np.unique(column, return_inverse=True)
        sums = np.bincount(inverse, weights=items, minlength=len(values)).astype(np.int64)
        return {name(int(value)): int(total) for value, total in zip(values, sums, strict=True)}

    return Statistics(
        position=view.position,
        claims=int(items.sum()),
        registrations=len(ids),
        by_origin=totals(claims.origin, lambda code: ORIGINS[code]),
        by_generation=totals(generation, lambda value: "none" if value == NO_GENERATION else str(value)),
        by_dataset=totals(rows["dataset"][ids], lambda id_: view.catalog.datasets[id_].name),
        by_organization=totals(rows["organization"][ids], lambda id_: view.catalog.organizations[id_].name),
    )


def points(position: int, count: int) -> list[int]:
    """Return at most `count` positions before `position`, evenly spaced."""
    return sorted({position * i // (count + 1) for i in range(1, count + 1)} - {0, position})
