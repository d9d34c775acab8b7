"""HTTP handlers for items: verdicts on many items, and all data about one item."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ValidationError

from firsthand.core.digests import Digests, from_text
from firsthand.core.media_types import ARROW, JSON, NDJSON, PARQUET
from firsthand.schemas.items import MAX_LOOKUP, Item, LookupQuery, LookupRequest, Lookups
from service.claims.catalog import Catalog
from service.errors import Malformed, Unprocessable, documented
from service.http import content_negotiation
from service.http.auth import Reader
from service.http.bodies import ITEMS, media_type, raw_body
from service.http.limits.budgets import LOOKED_UP_ITEMS_PER_UNIT, SpendingOf
from service.http.limits.lookup_slots import LookupSlots
from service.http.metrics import MetricsOf
from service.http.parsing import bulk_bodies, json_errors, json_structure
from service.http.state import shared
from service.http.transactions import DatabaseOf, Reads
from service.items import responses

router = APIRouter(prefix="/v1", tags=["items"])

CatalogOf = Annotated[Catalog, shared(Catalog)]
DigestInPath = Annotated[
    str,
    Path(
        pattern=r"^(sha256:)?[0-9a-fA-F]{64}$",
        description="The digest of the item: `sha256:` and 64 hexadecimal digits.",
    ),
]

_FORMATS = (JSON, ARROW, PARQUET, NDJSON)
_ANSWERS = content_negotiation.documented(*_FORMATS, json={"$ref": "#/components/schemas/Lookups"})

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The digests. Other columns of a bulk body are accepted, but not used.",
        "content": {JSON: {"schema": LookupRequest.model_json_schema()}, **bulk_bodies.BULK},
    }
}


#: The body of a look-up.
LookupBody = Annotated[bytes, raw_body(Reader, ITEMS)]


async def _slot(
    body: LookupBody, reader: Reader, slots: Annotated[LookupSlots, shared(LookupSlots)]
) -> AsyncIterator[None]:
    async with slots.one_if_large(body, reader):
        yield


@router.post(
    "/lookups",
    summary="Look up verdicts",
    response_model=Lookups,
    responses={**_ANSWERS, **documented(400, 406, 413, 415)},
    openapi_extra=_BODY,
)
def look_up(
    request: Request,
    question: Annotated[LookupQuery, Query()],
    answer_format: Annotated[str, content_negotiation.accepted(*_FORMATS)],
    body: LookupBody,
    _: Annotated[None, Depends(_slot, scope="function")],
    session: Reads,  # after the slot: a look-up that waits holds no connection
    catalog: CatalogOf,
    metrics: MetricsOf,
    spending: SpendingOf,
) -> Response:
    """Get the verdicts on up to 100,000 digests, in the order of the request, as columns.

    The request can have any of the listed formats. The `Accept` header selects the format of the answer. The default is
    JSON. If the request is JSON, `policy` and `as_of` can also be fields of the body.
    """
    question, digests = _read(media_type(request), body, question)
    if len(digests) > MAX_LOOKUP:
        raise Unprocessable.at(
            "digests", f"the request has {len(digests):,} digests; send at most {MAX_LOOKUP:,} per request"
        )
    metrics.items.labels("lookups").inc(len(digests))
    spending.owe(len(digests) / LOOKED_UP_ITEMS_PER_UNIT)
    result = responses.lookups(session, catalog.view(session, question.as_of), digests, question.policy)
    headers = {content_negotiation.POSITION: str(result.view.position)}
    return Response(result.written(answer_format), headers=headers, media_type=answer_format)


def _read(media: str, body: bytes, question: LookupQuery) -> tuple[LookupQuery, Digests]:
    """Return (parameters, digests) of a look-up. Fields of a JSON body have precedence over query parameters.

    Raises Malformed or Unprocessable if the body is not valid.
    """
    if media != JSON:
        return question, bulk_bodies.read(media, BytesIO(body), MAX_LOOKUP).digests
    json_structure.check(body, ITEMS.values)
    try:
        fields = msgspec.json.decode(body)
    except json_errors.DECODING_ERRORS as error:
        raise Malformed(
            f'The body is not JSON: {json_errors.not_json(error)}. Send an object such as {{"digests": ["sha256:…"]}}.'
        ) from None
    if not isinstance(fields, dict) or not isinstance(fields.get("digests"), list):
        raise Unprocessable.at(
            "digests", 'the body has no list of digests; send an object such as {"digests": ["sha256:…"]}'
        )
    texts = fields.pop("digests")
    if not set(map(type, texts)) <= {str}:
        row, value = next((row, value) for row, value in enumerate(texts) if not isinstance(value, str))
        raise Unprocessable.at(
            "digests", f"row {row}: {str(value)[:80]} is not a digest; send a text of sha256: and 64 hexadecimal digits"
        )
    if not texts:
        raise Unprocessable.at("digests", "the list is empty; send at least one digest")
    try:
        # pydantic validates only the other fields: numpy parses a hundred thousand digests faster
        question = LookupQuery.model_validate({**question.model_dump(exclude_unset=True), **fields})
    except ValidationError as error:
        raise Unprocessable.of(error) from None
    return question, bulk_bodies.digests_from_texts(texts)


@router.get("/items/{digest}", summary="Get an item", response_model=Item)
def get_item(
    digest: DigestInPath, question: Annotated[LookupQuery, Query()], _: Reader, database: DatabaseOf, catalog: CatalogOf
) -> Response:
    """Get the verdict on one item, and all claims on it. For an item without claims, the verdict is `unknown`."""
    item = responses.item(database, catalog, from_text(digest), question)
    # serialized here: otherwise FastAPI would validate it a second time, in another task of a worker thread
    return Response(item.model_dump_json(), media_type="application/json")
