"""HTTP handlers for the log of statements."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from firsthand.core.digests import to_text
from firsthand.schemas.base import Page, Position
from firsthand.schemas.statements import Statement
from service.errors import ResourceNotFound, documented
from service.http.auth import Reader
from service.http.paging import Pages
from service.http.transactions import Reads
from service.log import store
from service.log.rules import moment

router = APIRouter(prefix="/v1/statements", tags=["log"])

After = Annotated[
    Position,
    Query(description="The list has only statements above this position. If `cursor` is given, `after` is ignored."),
]
PositionInPath = Annotated[int, Path(ge=1, le=2**53 - 1, description="The position of the statement.")]


@router.get("", summary="List statements")
def list_statements(_: Reader, session: Reads, pages: Pages, after: After = 0) -> Page[Statement]:
    """List the statements above a position, in the order of positions."""
    rows = store.page(session, pages.position() or after, pages.limit + 1)
    return pages.page([_statement(row) for row in rows], lambda entry: str(entry.position))


@router.get("/{position}", summary="Get a statement", responses=documented(404))
def get_statement(position: PositionInPath, _: Reader, session: Reads) -> Statement:
    """Get the statement at a position."""
    row = store.at(session, position)
    if row is None:
        raise ResourceNotFound(
            f"There is no statement at position {position}. GET /v1/statements lists all statements."
        )
    return _statement(row)


def _statement(row: Any) -> Statement:
    return Statement(
        position=row.position,
        kind=row.kind,
        organization=row.name,
        recorded_at=moment(row.recorded_at),
        digest=to_text(row.digest),
        body=json.loads(row.body),
    )
