"""HTTP handlers for registrations."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from firsthand.core.media_types import JSON, NDJSON, RAW
from firsthand.core.names import ParsedDatasetName as DatasetName
from firsthand.schemas.registrations import (
    MAX_BATCH,
    Columns,
    NewRegistration,
    NewStatement,
    Outcomes,
    Registered,
    Registration,
)
from service.claims.catalog import Catalog
from service.errors import Refusal, documented
from service.http.auth import Reader, Writer
from service.http.idempotency import OnceBulk
from service.http.limits.budgets import (
    REGISTERED_ITEMS_PER_UNIT,
    SENT_ITEMS_PER_UNIT,
    STATEMENTS_PER_UNIT,
    SpendingOf,
)
from service.http.limits.streams import StreamSlot
from service.http.metrics import MetricsOf
from service.http.parsing import bulk_bodies
from service.http.path_parameters import DatasetInPath, OrganizationInPath
from service.http.state import shared
from service.http.transactions import DatabaseOf, Reads, Writes
from service.http.uploads import Upload
from service.registrations import batches, responses, store
from service.registrations.batches import Draft
from service.registrations.register import register as write_registrations
from service.storage.blocks import stream_digests

router = APIRouter(tags=["registrations"])

CatalogOf = Annotated[Catalog, shared(Catalog)]
RegistrationId = Annotated[
    int, Path(ge=1, le=2**53 - 1, description="The id of the registration: its position in the log.")
]

_BULK: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The items. All other fields of the registration are query parameters.",
        "content": {JSON: {"schema": Columns.model_json_schema()}, **bulk_bodies.BULK},
    }
}

_BATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Up to 10,000 statements. A statement that is refused stores nothing; the others are stored.",
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["statements"],
                    "additionalProperties": False,
                    "properties": {
                        "statements": {
                            "type": "array",
                            "items": NewStatement.model_json_schema(),
                            "minItems": 1,
                            "maxItems": MAX_BATCH,
                        }
                    },
                }
            },
            NDJSON: {"schema": {"type": "string"}},
        },
    }
}

_DIGESTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The digests. Each digest has 32 bytes.",
        "content": {RAW: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/v1/datasets/{organization}/{name}/registrations",
    summary="Register items",
    status_code=201,
    response_model=Registered,
    responses=documented(400, 403, 404, 413, 415, 503),
    openapi_extra=_BULK,
)
def register(
    organization: OrganizationInPath,
    name: DatasetInPath,
    new: Annotated[NewRegistration, Query()],
    body: Upload,
    caller: Writer,
    catalog: CatalogOf,
    metrics: MetricsOf,
    spending: SpendingOf,
    once: OnceBulk,
    session: Writes,
) -> Response:
    """Register items in a dataset. Each request is one registration: either all its items are stored, or none."""
    # parsed, sorted and hashed before the transaction writes, because SQLite has only one writer at a time
    items = bulk_bodies.read(body.media_type, body.file).committed()
    metrics.items.labels("registrations").inc(len(items.digests))
    spending.owe(len(items.digests) / REGISTERED_ITEMS_PER_UNIT)
    draft = Draft(str(DatasetName(organization, name)), new, items)

    def work() -> Registered:
        (outcome,) = write_registrations(session, catalog, caller.issuer, [draft])
        if isinstance(outcome, Refusal):
            raise outcome
        return responses.registered(session, outcome)

    return once.answer(201, work)


@router.post(
    "/v1/registrations:batch",
    summary="Register a batch of small statements",
    response_model=Outcomes,
    responses=documented(400, 413, 415, 503),
    openapi_extra=_BATCH,
)
def register_batch(
    body: Upload,
    caller: Writer,
    catalog: CatalogOf,
    metrics: MetricsOf,
    spending: SpendingOf,
    once: OnceBulk,
    session: Writes,
) -> Response:
    """Make many small registrations in one request: one per statement of the body.

    The answer has one outcome per statement. If a statement is refused, the others are stored.
    """
    drafts = batches.read(body.media_type, body.file)
    items = batches.count_items(drafts)
    metrics.items.labels("registrations").inc(items)
    spending.owe(items / REGISTERED_ITEMS_PER_UNIT + len(drafts) / STATEMENTS_PER_UNIT)
    return once.answer(200, lambda: responses.outcomes(write_registrations(session, catalog, caller.issuer, drafts)))


@router.get("/v1/registrations/{id}", summary="Get a registration", responses=documented(404))
def get_registration(id: RegistrationId, _: Reader, session: Reads, catalog: CatalogOf) -> Registration:
    """Get a registration, with its withdrawals and disputes."""
    return responses.registration(session, catalog.view(session), id)


@router.get(
    "/v1/registrations/{id}/digests",
    summary="Get the digests of a registration",
    responses={**_DIGESTS, **documented(404)},
    response_class=StreamingResponse,
)
def get_registration_digests(
    id: RegistrationId, _: Reader, _slot: StreamSlot, database: DatabaseOf, spending: SpendingOf
) -> StreamingResponse:
    """Get the sorted digests of a registration, including withdrawn items. Each digest has 32 bytes."""
    with database.reads() as session:
        row = store.row_at(session, id)
    spending.spend(row.items / SENT_ITEMS_PER_UNIT)
    return StreamingResponse(stream_digests(database, row), media_type=RAW)
