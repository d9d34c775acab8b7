"""HTTP handlers for statistics."""

from typing import Annotated

from fastapi import APIRouter, Query

from firsthand.schemas.base import Position
from firsthand.schemas.statistics import History
from service.claims.catalog import Catalog
from service.http.auth import Reader
from service.http.limits.budgets import COUNTED_REGISTRATIONS_PER_UNIT, POSITIONS_PER_UNIT, SpendingOf
from service.http.state import shared
from service.http.transactions import Reads
from service.statistics.rules import points as earlier_positions
from service.statistics.rules import statistics

router = APIRouter(prefix="/v1/statistics", tags=["statistics"])


@router.get("", summary="Get statistics")
def get_statistics(
    _: Reader,
    session: Reads,
    catalog: Annotated[Catalog, shared(Catalog)],
    spending: SpendingOf,
    as_of: Position | None = None,
    points: Annotated[
        int,
        Query(
            ge=0,
            le=100,
            description="Number of earlier positions, evenly spaced, for which statistics are returned too.",
        ),
    ] = 0,
) -> History:
    """Get the numbers of standing claims by origin, generation, dataset and organization.

    They are counted at the position `as_of` (by default the newest) and at `points` earlier positions.
    """
    now = catalog.view(session, as_of)
    spending.spend((points + 1) * (now.catalog.highest / COUNTED_REGISTRATIONS_PER_UNIT + 1 / POSITIONS_PER_UNIT))
    earlier = [statistics(catalog.view(session, position)) for position in earlier_positions(now.position, points)]
    return History(now=statistics(now), points=earlier)
