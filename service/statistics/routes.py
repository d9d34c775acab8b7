"""Statistics over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from firsthand.schemas.base import Position
from firsthand.schemas.statistics import History
from service.http.dependencies import CatalogOf, Reader, Reads
from service.statistics.rules import points as positions
from service.statistics.rules import statistics

router = APIRouter(prefix="/v1/statistics", tags=["statistics"])


@router.get("")
def get_statistics(
    _: Reader,
    session: Reads,
    catalog: CatalogOf,
    as_of: Position | None = None,
    points: Annotated[int, Query(ge=0, le=100, description="Earlier points of the history.")] = 0,
) -> History:
    """Standing claims by origin, generation, dataset and organization, now and at earlier positions."""
    now = catalog.view(session, as_of)
    earlier = [statistics(catalog.view(session, place)) for place in positions(now.position, points)]
    return History(now=statistics(now), points=earlier)
