"""Mixes over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from firsthand.core.media_types import ARROW, NDJSON, PARQUET, RAW
from firsthand.schemas.mixes import Mix, NewMix, Recipe
from service.claims.catalog import Catalog, View
from service.errors import Unauthorized, Unprocessable, documented
from service.http import content_negotiation
from service.http.dependencies import CatalogOf, DatabaseOf, Reader, Reads
from service.mixes import columns, store
from service.mixes.drawn_cache import Recent
from service.storage.engine import Database

router = APIRouter(prefix="/v1/mixes", tags=["mixes"])

MixId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]

_FORMS = (RAW, NDJSON, ARROW, PARQUET)
_CHANGES = (NDJSON, ARROW, PARQUET)

Later = Annotated[int | None, Query(ge=0, le=2**53 - 1, description="The position to compare with; the head if none.")]


async def _recent(request: Request) -> Recent:
    return request.app.state.recent_mixes  # type: ignore[no-any-return]


RecentOf = Annotated[Recent, Depends(_recent)]


@router.post("", status_code=201, responses={200: {"model": Mix}, **documented(400, 413, 415)})
def create_mix(
    new: NewMix, reader: Reader, database: DatabaseOf, catalog: CatalogOf, recent: RecentOf, response: Response
) -> Mix:
    """Build a mix: 201, or 200 where it was built before, or for a dry run.

    A mix says nothing of its own and the same recipe is the same mix, so building one needs a key that reads.
    """
    if reader is None and not new.dry_run:
        raise Unauthorized("Keeping a mix needs a key; without one, ask for a dry run.")
    recipe = Recipe(**new.model_dump(exclude={"dry_run"}))
    with database.reads() as session:
        view = catalog.view(session, recipe.as_of)
    drawn = store.draw(database, view, recipe)
    if new.dry_run:
        response.status_code = 200
        return drawn.mix(kept=False)
    with database.writes() as session:
        mix, created = store.keep(session, drawn.mix(kept=True))
    recent.keep(str(mix.id), drawn)
    response.status_code = 201 if created else 200
    return mix


@router.get("/{id}", responses=documented(404))
def get_mix(id: MixId, _: Reader, session: Reads) -> Mix:
    """A mix: its recipe, position, counts and digest."""
    return store.get(session, id)


@router.get(
    "/{id}/digests",
    responses={**content_negotiation.documented(*_FORMS), **documented(404, 406)},
    response_class=StreamingResponse,
)
def get_mix_digests(
    id: MixId,
    form: Annotated[str, content_negotiation.accepted(*_FORMS)],
    _: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    recent: RecentOf,
) -> StreamingResponse:
    """The items of a mix in its keyed order, part by part, drawn again: 32 bytes each.

    By `Accept` as columns: digest, part (from 0), verdict, generation; and size, where that is what the recipe counts.
    """
    drawn, _now = _drawn(database, catalog, recent, id)
    pieces = (
        drawn.digests()
        if form == RAW
        else content_negotiation.written(form, columns.schema(drawn), columns.items(drawn))
    )
    return StreamingResponse(pieces, headers={content_negotiation.POSITION: str(drawn.recipe.as_of)}, media_type=form)


@router.get(
    "/{id}/diff",
    responses={**content_negotiation.documented(*_CHANGES), **documented(404, 406)},
    response_class=StreamingResponse,
)
def get_mix_diff(
    id: MixId,
    form: Annotated[str, content_negotiation.accepted(*_CHANGES)],
    _: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    recent: RecentOf,
    as_of: Later = None,
) -> StreamingResponse:
    """The items of a mix that are judged otherwise since, or that the part which took them admits no more.

    A row an item: digest, part (from 0), verdict and generation as they were; verdict_now, generation_now, admitted.
    The recipe holds as long as every item is admitted: no row has `admitted` false.
    """
    drawn, now = _drawn(database, catalog, recent, id, as_of)
    pieces = content_negotiation.written(
        form, columns.changes_schema(drawn, now), columns.changes(database, drawn, now)
    )
    return StreamingResponse(pieces, headers={content_negotiation.POSITION: str(now.position)}, media_type=form)


def _drawn(
    database: Database, catalog: Catalog, recent: Recent, id: str, as_of: int | None = None
) -> tuple[store.Drawn, View]:
    """A mix drawn again, and the view at a later position."""
    with database.reads() as session:
        mix = store.get(session, id)
        view, now = catalog.view(session, mix.position), catalog.view(session, as_of)
    if now.position < mix.position:
        raise Unprocessable.at("as_of", f"the mix was drawn at position {mix.position}, and {as_of} is before it")
    return recent.again(database, view, mix), now
