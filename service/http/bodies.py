"""Receive the bodies of requests, and limit their size, their time, and the memory that they use together.

Every body that the service reads is received here, after the key of the caller was checked: each dependency that
receives a body depends on one of `service.http.auth`. JSON is parsed in a worker thread, after a check of its
structure.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import msgspec
from fastapi import Depends, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import Schema
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from firsthand.core.media_types import JSON
from service.errors import BodyTooLarge, Malformed, RequestTimeout, Unavailable, UnsupportedMedia, documented
from service.http.auth import Caller
from service.http.limits.fair_pool import FairPool
from service.http.parsing import json_errors, json_structure
from service.http.parsing.bulk_bodies import unsupported
from service.http.state import shared
from service.settings import Settings

Model = TypeVar("Model", bound=BaseModel)

#: A body up to this size, in bytes, costs no more than other requests: it needs no slot, and its memory is not counted.
SMALL_BYTES = 2**16
#: JSON up to this size, in bytes, is parsed on the event loop: passing it to a worker thread would take longer.
_PARSED_AT_ONCE = 2**12
#: The maximum number of errors in an answer. If a body has more errors, the first ones are sent.
_MOST_ERRORS = 100


class Limit(NamedTuple):
    """The limit of a body in bytes: the value of a setting, or a lower value.

    Also its maximum number of JSON values.
    """

    setting: str
    most_bytes: int | None
    values: int

    def bytes(self, settings: Settings) -> int:
        """Return the maximum size of a body in bytes."""
        set_bytes: int = getattr(settings, self.setting)
        return set_bytes if self.most_bytes is None else min(set_bytes, self.most_bytes)


#: Bodies of calls that create an organization, a key, a dataset, a model or a snapshot, and bodies that a call ignores.
SMALL = Limit("max_json_bytes", SMALL_BYTES, 4_096)
#: The recipe of a mix. Its parts may have lists of datasets and models.
RECIPE = Limit("max_json_bytes", 2**20, 200_000)
#: A look-up, a withdrawal or a dispute of up to 100,000 items.
ITEMS = Limit("max_json_bytes", None, 101_000)
#: A registration or a batch.
BULK = Limit("max_bulk_bytes", None, 0)


class BodyMemory(FairPool):
    """The memory, in bytes, that the bodies of all requests may use in one process.

    An organization can use three quarters of this memory. All callers without a key together can use one quarter.
    """

    def __init__(self, total: int) -> None:
        super().__init__(total, kept_for_others=total // 4)
        self._anonymous = total // 4

    def take_for(self, caller: Caller | None, units: int) -> bool:
        """Reserve bytes for a caller. Return False if there are not enough."""
        return self.take(holder_of(caller), units, None if caller else self._anonymous)


SettingsOf = Annotated[Settings, shared(Settings)]
MemoryOf = Annotated[BodyMemory, shared(BodyMemory)]


def holder_of(caller: Caller | None) -> int | None:
    """Return the holder of the units in a pool: the id of the organization, or None for all callers without a key."""
    return caller.issuer.id if caller else None


def media_type(request: Request) -> str:
    """Return the media type of the Content-Type header in lower case. Return an empty text if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def pieces(request: Request, settings: Settings, limit: Limit) -> AsyncIterator[bytes]:
    """Yield the pieces of a body when they arrive.

    Raises, before the body is read, UnsupportedMedia if it has a content encoding, and BodyTooLarge if the header
    Content-Length is above the limit. Raises, during the body, BodyTooLarge if it is above the limit, RequestTimeout if
    it is too slow, and ClientDisconnect if the client closes the connection.
    """
    _check_head(request, most := limit.bytes(settings))
    received, waited, clock = 0, 0.0, asyncio.get_running_loop().time
    while True:
        # only the time that the service waited for the caller counts, not the time of its own work
        patience = settings.body_grace_seconds + received / settings.body_least_rate - waited
        begun = clock()
        try:
            async with asyncio.timeout(max(patience, 0)):
                message = await request.receive()
        except TimeoutError:
            raise RequestTimeout(
                f"The body came too slowly: {received:,} bytes in {waited + clock() - begun:.0f} seconds. After "
                f"{settings.body_grace_seconds:g} seconds, at least {settings.body_least_rate:,} bytes per second are "
                "needed. Send several smaller requests, or use a faster connection."
            ) from None
        waited += clock() - begun
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        received += len(piece)
        if received > most:
            raise BodyTooLarge(
                f"The body has more than {most:,} bytes, which is the limit. Send several smaller requests."
            )
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


def _check_head(request: Request, most: int) -> None:
    """Raise UnsupportedMedia or BodyTooLarge if the headers of the request show that the body cannot be accepted.

    Content encodings are not supported: the limit is in decoded bytes, and digests do not become smaller by
    compression.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMedia(
            f"The Content-Encoding {encoding[:40]} is not supported. Send the body without compression.",
            headers={"Accept-Encoding": "identity"},
        )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise BodyTooLarge(
            f"The body has {int(announced):,} bytes; the limit is {most:,}. Send several smaller requests."
        )


@asynccontextmanager
async def _in_memory(
    request: Request, caller: Caller | None, settings: Settings, memory: BodyMemory, limit: Limit
) -> AsyncIterator[bytes]:
    """Receive a body into memory. Its bytes are reserved until it is no longer used.

    Raises Unavailable if the other bodies use too much memory.
    """
    parts: list[bytes] = []
    size = held = 0
    try:
        async for piece in pieces(request, settings, limit):
            parts.append(piece)
            size += len(piece)
            more = max(0, size - SMALL_BYTES) - held
            if more and not memory.take_for(caller, more):
                raise Unavailable(
                    "The service receives too many large bodies at the moment. Send the request again in a few seconds."
                )
            held += more
        yield b"".join(parts)
    finally:
        memory.give(holder_of(caller), held)


class _Declared(NamedTuple):
    """The body that a dependency receives: its model (None for bytes) and its limit."""

    model: type[BaseModel] | None
    limit: Limit


#: All dependencies that receive bodies. They are added while the modules with routes are imported.
_declared: dict[Callable[..., Any], _Declared] = {}


def receiving(dependency: Callable[..., Any], limit: Limit, model: type[BaseModel] | None = None) -> Any:
    """Return a dependency that receives a body. Its limit and model are stored for the OpenAPI document."""
    _declared[dependency] = _Declared(model, limit)
    return Depends(dependency, scope="function")


def json_body(model: type[BaseModel], caller: Any, limit: Limit) -> Any:
    """Return the dependency on a JSON body. Example: `Annotated[NewMix, json_body(NewMix, Reader, RECIPE)]`.

    `caller` is the type of caller that the handler requires, such as `Writer`. It is checked before the body is read.
    The body becomes part of the OpenAPI document.
    """

    permission = get_args(caller)[1]

    async def receive(
        request: Request, settings: SettingsOf, memory: MemoryOf, checked: Any = permission
    ) -> AsyncIterator[BaseModel]:
        media = media_type(request)
        if media != JSON:
            raise unsupported(media, JSON)
        async with _in_memory(request, checked, settings, memory, limit) as body:
            request.state.body = body
            if len(body) <= _PARSED_AT_ONCE:
                yield _parsed(model, body, limit)
            else:
                yield await run_in_threadpool(_parsed, model, body, limit)

    return receiving(receive, limit, model)


def raw_body(caller: Any, limit: Limit) -> Any:
    """Return the dependency on the bytes of a body. `caller` has the same meaning as in `json_body`.

    If the request also depends on a JSON body, and this was received before, the bytes are the same body.
    """

    permission = get_args(caller)[1]

    async def receive(
        request: Request, settings: SettingsOf, memory: MemoryOf, checked: Any = permission
    ) -> AsyncIterator[bytes]:
        if hasattr(request.state, "body"):
            yield request.state.body
            return
        async with _in_memory(request, checked, settings, memory, limit) as body:
            yield body

    return receiving(receive, limit)


def _parsed(model: type[Model], body: bytes, limit: Limit) -> Model:
    """Parse a body. Raises Malformed if it is not JSON, and Unprocessable if it has too many values.

    Raises RequestValidationError, as FastAPI does, if it does not match the model.
    """
    if not body:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}])
    json_structure.check(body, limit.values)
    try:
        fields = msgspec.json.decode(body)
    except json_errors.DECODING_ERRORS as error:
        reason = json_errors.not_json(error)
        raise Malformed(
            f"The body, which has {len(body):,} bytes, is not JSON: {reason}. Send a JSON object."
        ) from None
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        listed = error.errors(include_url=False)[:_MOST_ERRORS]
        raise RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in listed]) from None


def limit_of(route: APIRoute) -> Limit | None:
    """Return the limit of the bodies of a route. Return None if the route reads no body."""
    limits = [_declared[call].limit for call in _calls(route.dependant) if call in _declared]
    return limits[0] if limits else None


def document(routes: Iterable[Any], openapi: dict[str, Any]) -> None:
    """Add the JSON bodies of routes, with their schemas, to an OpenAPI document."""
    too_slow = {str(status): answer for status, answer in documented(408).items()}
    models: list[type[BaseModel]] = []
    for route in routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        declared = [_declared[call] for call in _calls(route.dependant) if call in _declared]
        for call in [openapi["paths"][route.path][method.lower()] for method in route.methods or () if declared]:
            call["responses"] = dict(sorted({**call["responses"], **too_slow}.items()))
            for model in [receiver.model for receiver in declared if receiver.model is not None]:
                models.append(model)
                schema = {"$ref": f"#/components/schemas/{model.__name__}"}
                call["requestBody"] = {"content": {JSON: {"schema": schema}}, "required": True}
    _, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], ref_template="#/components/schemas/{model}"
    )
    for name, definition in definitions["$defs"].items():
        # as FastAPI writes the schemas of its own bodies
        schema = jsonable_encoder(Schema(**definition), by_alias=True, exclude_none=True)
        openapi["components"]["schemas"][name] = schema


def _calls(dependant: Any) -> Iterable[Callable[..., Any]]:
    """Yield the dependencies of a route, in the order in which FastAPI calls them."""
    for dependency in dependant.dependencies:
        yield from _calls(dependency)
        yield dependency.call
