"""Receiving the bodies of requests: how large, how slow and how many at a time they may be.

Every body that the service reads is received here, and only after the caller's key was checked: each dependency that
receives a body depends on one of `service.http.auth`. JSON is parsed in a worker thread, once its structure is checked.
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

#: A body up to this size costs no more than any other request: it needs no slot, and is not counted as memory.
SMALL_BYTES = 2**16
#: JSON up to this size is parsed at once: handing it to a worker thread would take longer.
_PARSED_AT_ONCE = 2**12
#: A body with more errors is answered with the first ones.
_MOST_ERRORS = 100


class Limit(NamedTuple):
    """The limit of a body: the setting that gives it in bytes, a lower one if the call needs less, and JSON values."""

    setting: str
    most_bytes: int | None
    values: int

    def bytes(self, settings: Settings) -> int:
        """Return the most bytes of a body."""
        set_bytes: int = getattr(settings, self.setting)
        return set_bytes if self.most_bytes is None else min(set_bytes, self.most_bytes)


#: An organization, a key, a dataset, a model, a snapshot; and every body that a call does not need.
SMALL = Limit("max_json_bytes", SMALL_BYTES, 4_096)
#: The recipe of a mix: its parts may list datasets and models.
RECIPE = Limit("max_json_bytes", 2**20, 200_000)
#: A look-up, a withdrawal or a dispute of up to 100,000 items.
ITEMS = Limit("max_json_bytes", None, 101_000)
#: A registration or a batch.
BULK = Limit("max_bulk_bytes", None, 0)


class BodyMemory(FairPool):
    """The bytes of bodies that a process holds in memory.

    An organization may take three quarters of them, and all callers without a key together one quarter.
    """

    def __init__(self, total: int) -> None:
        super().__init__(total, kept_for_others=total // 4)
        self._anonymous = total // 4

    def take_for(self, caller: Caller | None, units: int) -> bool:
        """Take bytes for a caller; return whether there were enough."""
        return self.take(holder_of(caller), units, None if caller else self._anonymous)


SettingsOf = Annotated[Settings, shared(Settings)]
MemoryOf = Annotated[BodyMemory, shared(BodyMemory)]


def holder_of(caller: Caller | None) -> int | None:
    """Return in whose name units of a pool are taken: the id of the organization, or None for all without a key."""
    return caller.issuer.id if caller else None


def media_type(request: Request) -> str:
    """Return the media type of the Content-Type header in lower case; empty if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def pieces(request: Request, settings: Settings, limit: Limit) -> AsyncIterator[bytes]:
    """Yield a body as it comes.

    Raises UnsupportedMedia for a content encoding and BodyTooLarge for a stated length, both before any of it is read;
    BodyTooLarge as soon as it is over its limit; RequestTimeout if it is too slow; ClientDisconnect if it breaks off.
    """
    _check_head(request, most := limit.bytes(settings))
    received, waited, clock = 0, 0.0, asyncio.get_running_loop().time
    while True:
        # what counts is the time in which the service waited for the caller, not the time that its own work took
        patience = settings.body_grace_seconds + received / settings.body_least_rate - waited
        begun = clock()
        try:
            async with asyncio.timeout(max(patience, 0)):
                message = await request.receive()
        except TimeoutError:
            raise RequestTimeout(
                f"The body came too slowly: {received:,} bytes in {waited + clock() - begun:.0f} seconds. After "
                f"{settings.body_grace_seconds:g} seconds, at least {settings.body_least_rate:,} bytes per second are "
                "needed. Send it in smaller parts, or over a faster connection."
            ) from None
        waited += clock() - begun
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece = message.get("body", b"")
        received += len(piece)
        if received > most:
            raise BodyTooLarge(f"The body has over {most:,} bytes, which is the limit. Send several smaller requests.")
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


def _check_head(request: Request, most: int) -> None:
    """Refuse what the head of the request says already. The limit is in decoded bytes, and digests do not compress."""
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
    """Receive a body into memory. Its bytes are counted as long as it is used."""
    parts: list[bytes] = []
    size = held = 0
    try:
        async for piece in pieces(request, settings, limit):
            parts.append(piece)
            size += len(piece)
            more = max(0, size - SMALL_BYTES) - held
            if more and not memory.take_for(caller, more):
                raise Unavailable("The service holds as many large bodies as it can. Send this one again in a moment.")
            held += more
        yield b"".join(parts)
    finally:
        memory.give(holder_of(caller), held)


class _Declared(NamedTuple):
    """What a dependency receives: a model, or None for bytes; and its limit."""

    model: type[BaseModel] | None
    limit: Limit


#: The dependencies that receive bodies. They are made when the modules of routes are imported.
_declared: dict[Callable[..., Any], _Declared] = {}


def receiving(dependency: Callable[..., Any], limit: Limit, model: type[BaseModel] | None = None) -> Any:
    """Return a dependency that receives a body, after its limit was noted for the documents."""
    _declared[dependency] = _Declared(model, limit)
    return Depends(dependency, scope="function")


def json_body(model: type[BaseModel], caller: Any, limit: Limit) -> Any:
    """Return the dependency on a JSON body: `Annotated[NewMix, json_body(NewMix, Reader, RECIPE)]`.

    `caller` is the type that the handler requires of the caller, such as `Writer`: it is checked before the body is
    read. The body becomes part of the OpenAPI document.
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
    """Return the dependency on the bytes of a body, for a caller as in `json_body`.

    If the request depends on a JSON body too, and that was received before, it is the same body.
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
    """Parse a body. Raises Malformed, Unprocessable, or RequestValidationError as FastAPI does for its own bodies."""
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
    """Return the limit of the bodies of a route; None if it reads none."""
    limits = [_declared[call].limit for call in _calls(route.dependant) if call in _declared]
    return limits[0] if limits else None


def document(routes: Iterable[Any], openapi: dict[str, Any]) -> None:
    """Put the JSON bodies of routes, with their schemas, into an OpenAPI document."""
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
    """Yield what a route depends on, in the order in which it is solved."""
    for dependency in dependant.dependencies:
        yield from _calls(dependency)
        yield dependency.call
