"""The application: wiring, and the one handler that answers problems (RFC 9457)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from firsthand.schemas.problems import MEDIA_TYPE, Problem, ProblemError
from service import errors
from service.claims.catalog import Catalog
from service.corrections.routes import router as corrections
from service.datasets.routes import router as datasets
from service.errors import Refusal
from service.http.dependencies import DatabaseOf
from service.http.middleware import LimitBody, Metrics, Observe
from service.items.routes import router as items
from service.log.routes import router as log
from service.mixes.drawn_cache import Recent
from service.mixes.routes import router as mixes
from service.models.routes import router as models
from service.organizations.routes import router as organizations
from service.registrations.routes import router as registrations
from service.settings import Settings
from service.snapshots.builds import Builds
from service.snapshots.routes import router as snapshots
from service.snapshots.store import Store
from service.statistics.routes import router as statistics
from service.storage import migrate
from service.storage.engine import Database, revision, shown

logger = structlog.get_logger("firsthand")

#: A database that does not answer, is full, or is locked for too long; also out of the bare drivers.
_AWAY = (PoolTimeout, OperationalError, psycopg.OperationalError, sqlite3.OperationalError)

#: Seconds after which to ask again whether somebody made room.
_ROOM = 10

#: What any call may answer: the query is refused, the key is, or the database is away.
_EVERYWHERE = errors.documented(401, 403, 422, 503)


class WrongRevision(Exception):
    """The database has another schema than this code was written for."""


def create_app(settings: Settings) -> FastAPI:
    """The service on the settings' database. Raises WrongRevision when it starts on a database of another revision."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = settings.threads
        yield
        app.state.snapshot_builds.close()
        app.state.database.close()

    app = FastAPI(
        title="Firsthand",
        version="0.1.0",
        summary="The registry that knows which training data is firsthand.",
        lifespan=lifespan,
        responses=_EVERYWHERE,
    )
    app.state.settings, app.state.database = settings, Database(settings)
    try:
        check_revision(settings, app.state.database)
    except BaseException:
        app.state.database.close()
        raise
    app.state.catalog, app.state.metrics = Catalog(), Metrics()
    app.state.snapshots = Store(settings.snapshots)
    app.state.snapshot_builds = Builds(app.state.snapshots, app.state.database)
    app.state.recent_mixes = Recent()
    app.state.bulk_slots = asyncio.Semaphore(settings.bulk_slots)
    # a request is matched against one router after the other: those that are asked most come first
    nouns = (items, registrations, mixes, organizations, datasets, models, snapshots, corrections, log, statistics)
    for router in nouns:
        app.include_router(router)
    _add_health(app)
    app.add_middleware(LimitBody, settings=settings)
    app.add_middleware(Observe, metrics=app.state.metrics, answer=answer_problem)
    for kind in (Refusal, RequestValidationError, HTTPException, DBAPIError, *_AWAY):
        app.add_exception_handler(kind, answer_problem)
    _document_problems(app)
    return app


def check_revision(settings: Settings, database: Database) -> None:
    """Refuse a database of another revision, and say which command helps."""
    with database.reads() as session:
        found = revision(session)
    needed = migrate.needed(settings)
    if found != needed:
        has = f"revision {found}" if found else "no tables of Firsthand yet"
        raise WrongRevision(
            f"The database {shown(settings.url)} has {has}; this version needs {needed}. Run: firsthand migrate"
        )


def _add_health(app: FastAPI) -> None:
    @app.get("/healthz", tags=["health"])
    def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"])
    def readyz(database: DatabaseOf) -> dict[str, str]:
        """The database is reached, and has the revision that this version needs."""
        try:
            check_revision(app.state.settings, database)
        except WrongRevision as error:
            raise errors.Busy(str(error), retry_after=10) from None
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"], response_class=Response)
    def metrics() -> Response:
        """Prometheus metrics."""
        return Response(app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


async def answer_problem(request: Request, error: Exception) -> Response:
    """Every error that leaves a handler, as `application/problem+json`."""
    refusal = _refusal(error)
    if isinstance(error, (DBAPIError, OSError, *_AWAY)) or refusal.status == 500:
        logger.error("failed", path=request.url.path, exc_info=error)
    problem = refusal.problem(request.url.path)
    return Response(problem.model_dump_json(), refusal.status, headers=refusal.headers, media_type=MEDIA_TYPE)


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if isinstance(error, ClientDisconnect):
        return errors.Malformed("The body ended before it was whole; nothing was stored.")
    if _is_full(error):
        said = "The registry's disk is full, or cannot be written; nothing was stored. Its operator must make room."
        return errors.Busy(said, _ROOM)
    if isinstance(error, _AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return errors.Busy("The database does not answer at the moment; nothing was stored. Try again.", retry_after=2)
    return Refusal("Something failed here that should not have; nothing was stored. The service's log has the details.")


def _is_full(error: BaseException) -> bool:
    """Whether there is no room: where a body is spooled, in SQLite's file, or at PostgreSQL."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
    return isinstance(cause, psycopg.errors.DiskFull) or getattr(cause, "errno", None) in (ENOSPC, EDQUOT, EFBIG)


def _invalid(error: RequestValidationError) -> Refusal:
    found = [ProblemError(where=".".join(map(str, e["loc"])), message=e["msg"]) for e in error.errors()]
    for e in error.errors():
        if e["type"] == "json_invalid":
            return errors.Malformed(f"The body is not JSON: {e['ctx']['error']} at character {e['loc'][-1]}.")
    return errors.Unprocessable("; ".join(f"{e.where}: {e.message}" for e in found[:5]), found)


def _of_framework(error: HTTPException) -> Refusal:
    """What FastAPI and Starlette refuse by themselves: a call that does not exist, a body that broke off."""
    kinds = {kind.status: kind for kind in Refusal.__subclasses__()}
    said = str(error.detail)
    if said == HTTPStatus(error.status_code).phrase:
        said = f"{said}: /docs lists the calls of this registry."
    refusal = kinds.get(error.status_code, errors.Malformed)(said)
    refusal.headers.update(error.headers or {})
    return refusal


def _document_problems(app: FastAPI) -> None:
    """Put the schema of a problem into the OpenAPI document, in place of FastAPI's own validation error."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        return document

    app.openapi = openapi  # type: ignore[method-assign]
