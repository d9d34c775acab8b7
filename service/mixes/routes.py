"""Mixes over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import StreamingResponse

from firsthand.schemas.mixes import Mix, NewMix, Recipe
from service.dependencies import CatalogOf, DatabaseOf, Reader, Reads
from service.errors import Unauthorized, documented
from service.mixes import store

router = APIRouter(prefix="/v1/mixes", tags=["mixes"])

MixId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]

_RAW = "application/octet-stream"
_DIGESTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "32 bytes a digest.", "content": {_RAW: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.post("", status_code=201, responses={200: {"model": Mix}, **documented(400, 413)})
def create_mix(new: NewMix, reader: Reader, database: DatabaseOf, catalog: CatalogOf, response: Response) -> Mix:
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
    response.status_code = 201 if created else 200
    return mix


@router.get("/{id}", responses=documented(404))
def get_mix(id: MixId, _: Reader, session: Reads) -> Mix:
    """A mix: its recipe, position, counts and digest."""
    return store.get(session, id)


@router.get("/{id}/digests", responses={**_DIGESTS, **documented(404)}, response_class=StreamingResponse)
def get_mix_digests(id: MixId, _: Reader, database: DatabaseOf, catalog: CatalogOf) -> StreamingResponse:
    """The items of a mix in its keyed order, part by part, drawn again: 32 bytes each."""
    with database.reads() as session:
        mix = store.get(session, id)
        view = catalog.view(session, mix.position)
    drawn = store.draw(database, view, mix.recipe, mix.parts)
    return StreamingResponse(drawn.chunks(), media_type=_RAW)
