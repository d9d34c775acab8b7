"""Items over HTTP: verdicts in bulk, and all that is known of one."""

from io import BytesIO
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ValidationError

from firsthand.core.digests import Digests, from_text
from firsthand.core.media_types import ARROW, JSON, NDJSON, PARQUET
from firsthand.schemas.items import MAX_LOOKUP, Item, LookupQuery, LookupRequest, Lookups
from service.errors import Malformed, Unprocessable, documented
from service.http import content_negotiation
from service.http.dependencies import CatalogOf, DatabaseOf, MetricsOf, Reader, Reads, media_type
from service.items import responses
from service.registrations import bodies

router = APIRouter(prefix="/v1", tags=["items"])

DigestInPath = Annotated[str, Path(pattern=r"^(sha256:)?[0-9a-fA-F]{64}$")]

_FORMS = (JSON, ARROW, PARQUET, NDJSON)
_ANSWERS = content_negotiation.documented(*_FORMS, json={"$ref": "#/components/schemas/Lookups"})

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Digests; columns beside them are read and left out.",
        "content": {JSON: {"schema": LookupRequest.model_json_schema()}, **bodies.BULK},
    }
}


async def _body(request: Request) -> bytes:
    return await request.body()


RawBody = Annotated[bytes, Depends(_body)]


@router.post(
    "/lookups",
    response_model=Lookups,
    responses={**_ANSWERS, **documented(400, 406, 413, 415)},
    openapi_extra=_BODY,
)
def look_up(
    request: Request,
    question: Annotated[LookupQuery, Query()],
    form: Annotated[str, content_negotiation.accepted(*_FORMS)],
    body: RawBody,
    _: Reader,
    session: Reads,
    catalog: CatalogOf,
    metrics: MetricsOf,
) -> Response:
    """Verdicts of up to 100,000 digests, in order, as columns: in JSON, or by `Accept`. Asked in any form of items.

    In a JSON question, policy and as_of may stand in the body.
    """
    question, digests = _read(media_type(request), body, question)
    if len(digests) > MAX_LOOKUP:
        raise Unprocessable.at("digests", f"{len(digests):,} are more than the {MAX_LOOKUP:,} of one call")
    metrics.items.labels("lookups").inc(len(digests))
    answered = responses.lookups(session, catalog.view(session, question.as_of), digests, question.policy)
    headers = {content_negotiation.POSITION: str(answered.view.position)}
    return Response(answered.written(form), headers=headers, media_type=form)


def _read(media: str, body: bytes, question: LookupQuery) -> tuple[LookupQuery, Digests]:
    if media != JSON:
        return question, bodies.read(media, BytesIO(body)).digests
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"The body is not JSON: {error}") from None
    if not isinstance(said, dict) or not isinstance(said.get("digests"), list):
        raise Unprocessable.at("digests", "a list of digests is needed")
    texts = said.pop("digests")
    if not set(map(type, texts)) <= {str}:
        row, text = next((row, text) for row, text in enumerate(texts) if not isinstance(text, str))
        raise Unprocessable.at("digests", f"row {row}: {str(text)[:80]} is not a digest")
    if not texts:
        raise Unprocessable.at("digests", "at least one is needed")
    try:
        # the envelope is for pydantic; a hundred thousand digests are for numpy
        asked = LookupQuery.model_validate({**question.model_dump(exclude_unset=True), **said})
    except ValidationError as error:
        raise Unprocessable.of(error) from None
    return asked, bodies.digests_from_texts(texts)


@router.get("/items/{digest}", response_model=Item)
def get_item(
    digest: DigestInPath, question: Annotated[LookupQuery, Query()], _: Reader, database: DatabaseOf, catalog: CatalogOf
) -> Response:
    """All that is known of one item: verdict, claims, who, why, when. What nobody claims is `unknown`, not 404."""
    found = responses.item(database, catalog, from_text(digest), question)
    # rendered here: FastAPI would check it once more, in another turn of a worker thread
    return Response(found.model_dump_json(), media_type="application/json")
