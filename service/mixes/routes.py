"""HTTP handlers for mixes."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from firsthand.core.media_types import ARROW, NDJSON, PARQUET, RAW
from firsthand.schemas.mixes import Mix, NewMix, Recipe
from service.claims.catalog import Catalog
from service.errors import Unauthenticated, documented
from service.http import content_negotiation
from service.http.auth import Reader
from service.http.bodies import RECIPE, json_body
from service.http.limits.budgets import SpendingOf
from service.http.limits.scan_slots import ScanSlots
from service.http.limits.stranger_slots import StrangerSlotsOf
from service.http.limits.streams import StreamSlot
from service.http.state import shared
from service.http.transactions import DatabaseOf, Reads
from service.mixes import columns, planning, store
from service.mixes.drawn_cache import DrawnCache
from service.mixes.open_mixes import OpenMix, OpenMixes
from service.mixes.planning import PlannedAnswer, PlannedMix
from service.settings import Settings

router = APIRouter(prefix="/v1/mixes", tags=["mixes"])

CatalogOf = Annotated[Catalog, shared(Catalog)]
OpenMixesOf = Annotated[OpenMixes, shared(OpenMixes)]
DrawnCacheOf = Annotated[DrawnCache, shared(DrawnCache)]
ScanSlotsOf = Annotated[ScanSlots, shared(ScanSlots)]
MixId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The id of the mix.")]

_FORMATS = (RAW, NDJSON, ARROW, PARQUET)
_CHANGE_FORMATS = (NDJSON, ARROW, PARQUET)

Later = Annotated[
    int | None,
    Query(ge=0, le=2**53 - 1, description="The position to compare with. Default: the newest position."),
]


#: The recipe of a mix, and whether it is a dry run.
NewMixBody = Annotated[NewMix, json_body(NewMix, Reader, RECIPE)]


async def _stranger_slot(_: NewMixBody, reader: Reader, slots: StrangerSlotsOf) -> AsyncIterator[None]:
    async with slots.one(reader):
        yield


def _plan_mix(
    new: NewMixBody,
    _: Annotated[None, Depends(_stranger_slot, scope="function")],
    reader: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    settings: Annotated[Settings, shared(Settings)],
    spending: SpendingOf,
) -> PlannedMix:
    if reader is None and not new.dry_run:
        raise Unauthenticated(
            "Storing a mix needs an API key. Send the header Authorization: Bearer <key>, or set dry_run to true."
        )
    recipe = Recipe(**new.model_dump(exclude={"dry_run"}))
    return planning.plan_mix(database, catalog, recipe, settings, spending, reader, new.dry_run)


async def _scan_for_mix(
    planned: Annotated[PlannedMix, Depends(_plan_mix)], reader: Reader, slots: ScanSlotsOf
) -> AsyncIterator[PlannedMix]:
    async with slots.one_if(planned.stored is None, reader):
        yield planned


@router.post(
    "", summary="Build a mix", status_code=201, responses={200: {"model": Mix}, **documented(400, 409, 413, 415)}
)
def create_mix(
    planned: Annotated[PlannedMix, Depends(_scan_for_mix, scope="function")],
    reader: Reader,
    database: DatabaseOf,
    settings: Annotated[Settings, shared(Settings)],
    cache: DrawnCacheOf,
    response: Response,
) -> Mix:
    """Build a mix from a recipe.

    The status is 201 for a new mix, and 200 for a mix that already exists or a dry run.

    Every API key can build a mix, because a mix makes no claim, and because the same recipe at the same position always
    gives the same mix. A dry run needs a key only if reading needs a key. Without a key, its estimated cost is limited
    (`FIRSTHAND_ANONYMOUS_SCAN_COST`).
    """
    if planned.stored is not None:
        response.status_code = 200
        return planned.stored
    drawn = store.draw(planned.scan)
    if planned.dry_run or reader is None:
        response.status_code = 200
        return drawn.mix(kept=False)
    with database.writes() as session:
        mix, created = store.keep(session, drawn.mix(kept=True), reader.issuer)
        if created:  # again, because other requests may have stored mixes during the selection
            store.check_room(session, reader.issuer, settings.max_mixes, besides=str(mix.id))
    cache.keep(str(mix.id), drawn)
    response.status_code = 201 if created else 200
    return mix


@router.get("/{id}", summary="Get a mix", responses=documented(404))
def get_mix(id: MixId, _: Reader, session: Reads) -> Mix:
    """Get a mix: its recipe, position, counts and digest."""
    return store.get(session, id)


def _plan_items(
    id: MixId,
    _: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    cache: DrawnCacheOf,
    open_mixes: OpenMixesOf,
    spending: SpendingOf,
) -> PlannedAnswer:
    planned = planning.plan_answer(database, catalog, cache, open_mixes, spending, id)
    planning.take_cost_of_items(planned, spending)
    return planned


def _plan_changes(
    id: MixId,
    _: Reader,
    database: DatabaseOf,
    catalog: CatalogOf,
    cache: DrawnCacheOf,
    open_mixes: OpenMixesOf,
    spending: SpendingOf,
    as_of: Later = None,
) -> PlannedAnswer:
    planned = planning.plan_answer(database, catalog, cache, open_mixes, spending, id, as_of)
    planning.take_cost_of_changes(planned, spending)
    return planned


def _opened(plan: Callable[..., PlannedAnswer]) -> Any:
    """Return the dependency that holds the planned mix open until the last byte of the answer was sent."""

    async def hold(
        planned: Annotated[PlannedAnswer, Depends(plan)], reader: Reader, open_mixes: OpenMixesOf
    ) -> AsyncIterator[OpenMix]:
        async with open_mixes.one(planned.mix, reader) as opened:
            yield opened

    return Depends(hold, scope="request")


def _scanned(plan: Callable[..., PlannedAnswer]) -> Any:
    """Return the dependency that holds a slot, if items must be selected, until the handler returns."""

    async def hold(
        planned: Annotated[PlannedAnswer, Depends(plan)], reader: Reader, slots: ScanSlotsOf
    ) -> AsyncIterator[PlannedAnswer]:
        async with slots.one_if(planned.drawn is None, reader):
            yield planned

    return Depends(hold, scope="function")


@router.get(
    "/{id}/digests",
    summary="Get the items of a mix",
    responses={**content_negotiation.documented(*_FORMATS), **documented(404, 406)},
    response_class=StreamingResponse,
)
def get_mix_digests(
    answer_format: Annotated[str, content_negotiation.accepted(*_FORMATS)],
    _: StreamSlot,
    opened: Annotated[OpenMix, _opened(_plan_items)],
    planned: Annotated[PlannedAnswer, _scanned(_plan_items)],
    cache: DrawnCacheOf,
) -> StreamingResponse:
    """Get the items of a mix, part by part, in the order of their selection keys. The answer is always the same.

    The default format is raw digests of 32 bytes each. The `Accept` header selects another format, with the columns
    digest, part (counted from 0), verdict and generation. If the recipe has the unit size, there is also a column size.
    """
    drawn = planned.items(opened, cache)
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
    answer_format: Annotated[str, content_negotiation.accepted(*_CHANGE_FORMATS)],
    _: StreamSlot,
    opened: Annotated[OpenMix, _opened(_plan_changes)],
    planned: Annotated[PlannedAnswer, _scanned(_plan_changes)],
    cache: DrawnCacheOf,
    database: DatabaseOf,
) -> StreamingResponse:
    """Get the items of a mix whose verdict or generation has changed, and the items that their part no longer admits.

    There is one row per item, with the columns digest, part (counted from 0), verdict, generation, verdict_now,
    generation_now and admitted. If `admitted` is true in all rows, every part still admits all its items.
    """
    drawn, now = planned.items(opened, cache), planned.now
    pieces = content_negotiation.written(
        answer_format, columns.changes_schema(drawn, now), columns.changes(database, drawn, now)
    )
    headers = {content_negotiation.POSITION: str(now.position)}
    return StreamingResponse(pieces, headers=headers, media_type=answer_format)
