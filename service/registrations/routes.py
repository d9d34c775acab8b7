"""Registrations over HTTP: bulk bodies in, statements and digests out."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from firsthand.core.names import Dataset as DatasetName
from firsthand.core.names import Word
from firsthand.schemas.registrations import (
    MAX_BATCH,
    Columns,
    NewRegistration,
    NewStatement,
    Outcomes,
    Registered,
    Registration,
)
from service.errors import documented
from service.http.dependencies import Body, CatalogOf, DatabaseOf, MetricsOf, OnceBulk, Reader, Reads, Writer, Writes
from service.registrations import batch_register, batches, bodies, responses, store

router = APIRouter(tags=["registrations"])

Place = Annotated[int, Path(ge=1, le=2**53 - 1)]

_BULK: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Items alone: what is said of them goes in the query.",
        "content": {
            bodies.JSON: {"schema": Columns.model_json_schema()},
            **bodies.BULK,
        },
    }
}

_BATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Each statement is answered by itself; one that is refused leaves nothing, the others stand.",
        "content": {
            bodies.JSON: {
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
            bodies.NDJSON: {"schema": {"type": "string"}},
        },
    }
}

_DIGESTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "32 bytes a digest.",
        "content": {bodies.RAW: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/v1/datasets/{organization}/{name}/registrations",
    status_code=201,
    responses=documented(400, 403, 404, 413, 415, 503),
    openapi_extra=_BULK,
)
def register(
    organization: Word,
    name: Word,
    said: Annotated[NewRegistration, Query()],
    body: Body,
    caller: Writer,
    catalog: CatalogOf,
    metrics: MetricsOf,
    once: OnceBulk,
    session: Writes,
) -> Registered:
    """Register items: one body is one registration, stored whole or not at all."""
    dataset = str(DatasetName(organization, name))
    # parsed, sorted and hashed before the transaction begins: SQLite has one writer at a time
    items = bodies.read(body.media_type, body.file).committed()
    metrics.items.labels("registrations").inc(len(items.digests))

    def work() -> Registered:
        return responses.registered(session, store.register(session, catalog, caller.speaker, dataset, said, items))

    return once.answer(201, work)  # type: ignore[return-value]


@router.post("/v1/registrations:batch", responses=documented(400, 413, 415, 503), openapi_extra=_BATCH)
def register_batch(
    body: Body, caller: Writer, catalog: CatalogOf, metrics: MetricsOf, once: OnceBulk, session: Writes
) -> Outcomes:
    """Register many small statements, each with its own answer; what is wrong with one refuses that one alone."""
    drafts = batches.read(body.media_type, body.file)
    metrics.items.labels("registrations").inc(batches.items(drafts))

    def work() -> Outcomes:
        return responses.outcomes(batch_register.register(session, catalog, caller.speaker, drafts))

    return once.answer(200, work)  # type: ignore[return-value]


@router.get("/v1/registrations/{id}", responses=documented(404))
def get_registration(id: Place, _: Reader, session: Reads, catalog: CatalogOf) -> Registration:
    """What a registration says, and what was said of it since."""
    return responses.registration(session, catalog.view(session), id)


@router.get(
    "/v1/registrations/{id}/digests", responses={**_DIGESTS, **documented(404)}, response_class=StreamingResponse
)
def get_registration_digests(id: Place, _: Reader, database: DatabaseOf) -> StreamingResponse:
    """The digests of a registration, sorted, withdrawn ones too: 32 bytes each."""
    with database.reads() as session:
        row = store.row_at(session, id)
    return StreamingResponse(store.stream(database, row), media_type=bodies.RAW)
