"""HTTP handlers for mixes."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from firsthand.core.media_types import ARROW, NDJSON, PARQUET, RAW
from firsthand.schemas.mixes import Mix, NewMix, Recipe
from service.claims.catalog import Catalog
from service.claims.view import View
from service.errors import Unauthenticated, Unprocessable, documented
from service.http import content_negotiation
from service.http.auth import Reader
from service.http.state import shared
from service.http.transactions import DatabaseOf, Reads
from service.mixes import columns, store
from service.mixes.drawn_cache import DrawnCache
from service.storage.engine import Database

router = APIRouter(prefix="/v1/mixes", tags=["mixes"])

CatalogOf = Annotated[Catalog, shared(Catalog)]
DrawnCacheOf = Annotated[DrawnCache, shared(DrawnCache)]
MixId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The id of the mix.")]

_FORMATS = (RAW, NDJSON, ARROW, PARQUET)
_CHANGE_FORMATS = (NDJSON, ARROW, PARQUET)

Later = Annotated[
    int | None,
    Query(ge=0, le=2**53 - 1, description="The position to compare with. Default: the newest position."),
]


@router.post("", summary="Build a mix", status_code=201, responses={200: {"model": Mix}, **documented(400, 413, 415)})
def create_mix(
    new: NewMix, reader: Reader, database: DatabaseOf, catalog: CatalogOf, cache: DrawnCacheOf, response: Response
) -> Mix:
    """Build a mix from a recipe. If the mix already exists, or for a dry run, the status is 200.

    Any API key is sufficient, because a mix makes no claim, and because the same recipe at the same position always
    gives the same mix. A dry run needs a key only if reading needs a key.
    """
    if reader is None and not new.dry_run:
        raise Unauthenticated(
            "Storing a mix needs an API key. Send the header Authorization: Bearer <key>, or set dry_run to true."
        )
    recipe = Recipe(**new.model_dump(exclude={"dry_run"}))
    with database.reads() as session:
        view = catalog.view(session, recipe.as_of)
    drawn = store.draw(database, view, recipe)
    if new.dry_run:
        response.status_code = 200
        return drawn.mix(kept=False)
    with database.writes() as session:
        mix, created = store.keep(session, drawn.mix(kept=True))
    cache.keep(str(mix.id), drawn)
    response.status_code = 201 if created else 200
    return mix


@router.get("/{id}", summary="Get a mix", responses=documented(404))
def get_mix(id: MixId, _: Reader, session: Reads) -> Mix:
    """Get a mix: its recipe, position, counts and digest."""
    return store.get(session, id)


@router.get(
    "/{id}/digests",
    summary="Get the items of a mix",
    responses={**content_negotiation.documented(*_FORMATS), **documented(404, 406)},
    response_class=StreamingResponse,
)
def get_mix_digests(
    id: MixId,
    answer_format: Annotated[str, content_negotiation.accepted(*_FORMATS)],
    _: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    cache: DrawnCacheOf,
) -> StreamingResponse:
    """Get the items of a mix, part by part, in the order of their selection keys. The answer is the same every time.

    The default format is raw digests of 32 bytes each. The `Accept` header selects another format, with the columns
    digest, part (counted from 0), verdict and generation. If the recipe has the unit size, there is also a column size.
    """
    drawn, _now = _drawn(database, catalog, cache, id)
    pieces = (
        drawn.digests()
        if answer_format == RAW
        else content_negotiation.written(answer_format, columns.schema(drawn), columns.items(drawn))
    )
    headers = {content_negotiation.POSITION: str(drawn.recipe.as_of)}
    return StreamingResponse(pieces, headers=headers, media_type=answer_format)


@router.get(
    "/{id}/diff",
    summary="Get the changes since a mix was built",
    responses={**content_negotiation.documented(*_CHANGE_FORMATS), **documented(404, 406)},
    response_class=StreamingResponse,
)
def get_mix_diff(
    id: MixId,
    answer_format: Annotated[str, content_negotiation.accepted(*_CHANGE_FORMATS)],
    _: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    cache: DrawnCacheOf,
    as_of: Later = None,
) -> StreamingResponse:
    """Get the items of a mix whose verdict or generation changed, and the items that their part no longer admits.

    There is one row per item, with the columns digest, part (counted from 0), verdict, generation, verdict_now,
    generation_now and admitted. If `admitted` is true in all rows, every part still admits all its items.
    """
    drawn, now = _drawn(database, catalog, cache, id, as_of)
    pieces = content_negotiation.written(
        answer_format, columns.changes_schema(drawn, now), columns.changes(database, drawn, now)
    )
    headers = {content_negotiation.POSITION: str(now.position)}
    return StreamingResponse(pieces, headers=headers, media_type=answer_format)


def _drawn(
    database: Database, catalog: Catalog, cache: DrawnCache, id: str, as_of: int | None = None
) -> tuple[store.Drawn, View]:
    """Return (a stored mix with its items, the view at the position `as_of`). The default of `as_of` is the head.

    Raises Unprocessable if `as_of` is before the position of the mix.
    """
    with database.reads() as session:
        mix = store.get(session, id)
        view, now = catalog.view(session, mix.position), catalog.view(session, as_of)
    if now.position < mix.position:
        raise Unprocessable.at(
            "as_of", f"position {as_of} is before the position of the mix; use {mix.position} or a later position"
        )
    return cache.drawn(database, view, mix), now
