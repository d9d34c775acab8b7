"""The application: its routers, its shared objects, and the one handler that turns errors into answers (RFC 9457)."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import EDQUOT, EFBIG, ENOSPC
from http import HTTPStatus
from importlib.metadata import version
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

from firsthand.schemas import explain
from firsthand.schemas.health import Readiness
from firsthand.schemas.problems import MEDIA_TYPE, Problem
from service import errors, freed_memory
from service.claims.catalog import Catalog
from service.corrections.routes import router as corrections
from service.datasets.routes import router as datasets
from service.errors import Refusal
from service.housekeeping import Housekeeping, Job
from service.http import bodies
from service.http.auth import Reader
from service.http.bodies import BodyMemory
from service.http.documents import router as documents
from service.http.limits import budgets, stranger_slots
from service.http.limits.budgets import Budgets
from service.http.limits.lookup_slots import LookupSlots
from service.http.limits.scan_slots import ScanSlots
from service.http.limits.stranger_slots import StrangerSlots
from service.http.limits.streams import Streams
from service.http.metrics import Metrics
from service.http.middleware import ObserveRequests, escaped
from service.http.private_answers import KeepPrivate
from service.http.proxies import ProxyHeaders
from service.http.state import SharedState
from service.http.uploads import UploadSlots
from service.items.routes import router as items
from service.log.routes import router as log
from service.mixes.drawn_cache import DrawnCache
from service.mixes.open_mixes import OpenMixes
from service.mixes.routes import router as mixes
from service.models.routes import router as models
from service.organizations.routes import router as organizations
from service.readiness import HostClock, check_writable, readiness
from service.registrations.routes import router as registrations
from service.settings import Settings
from service.snapshots.builds import SnapshotBuilds
from service.snapshots.routes import router as snapshots
from service.snapshots.store import SnapshotStore
from service.statistics.routes import router as statistics
from service.storage import migrate
from service.storage.answers import delete_expired
from service.storage.engine import Database, revision
from service.storage.key_uses import KeyUses

logger = structlog.get_logger("firsthand")

#: The errors of SQLAlchemy and of the drivers if a database does not answer, is full, or is locked for too long.
_UNAVAILABLE = (PoolTimeout, OperationalError, psycopg.OperationalError, sqlite3.OperationalError)

#: The value of the header Retry-After, in seconds, if a disk is full.
_RETRY_WHEN_FULL = 10

#: The statuses of errors that every call can return, because of its head, its parameters, its key, its budget, or a
#: database that is not available.
_EVERYWHERE = errors.documented(401, 403, 414, 422, 429, 431, 503)

#: A request is compared with one router after the other, so the most frequent routers are first.
ROUTERS = (items, registrations, mixes, organizations, datasets, models, snapshots, corrections, log, statistics)


class WrongRevision(Exception):
    """The schema of the database has another revision than this version needs."""


def create_app(settings: Settings, workers: int = 1) -> FastAPI:
    """Return the application for these settings. Raises WrongRevision if the database must be migrated.

    `workers` is the number of processes that serve the same address and share every budget.
    """
    freed_memory.limit()
    database = Database(settings)
    try:
        check_revision(settings, database)
    except BaseException:
        database.close()
        raise
    metrics, snapshot_store = Metrics(), SnapshotStore(settings.snapshots)
    builds = SnapshotBuilds(snapshot_store, database)
    uses = KeyUses()
    housekeeping = Housekeeping(
        [
            Job("freed memory", freed_memory.SECONDS, freed_memory.give_back),
            Job("last use of keys", 60, lambda: uses.write(database), at_end=True),
            Job("stored answers", 3600, lambda: delete_expired(database, settings.answers_days)),
        ]
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = settings.threads
        housekeeping.start()
        yield
        housekeeping.close()
        builds.close()
        database.close()

    app = FastAPI(
        title="Firsthand",
        version=version("firsthand"),
        summary="A registry of the origin of training data: a human, or a model and its generation.",
        lifespan=lifespan,
        responses=_EVERYWHERE,
        # `documents` serves them, to callers that may read
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.shared = SharedState(
        settings, database, metrics, snapshot_store, builds, Catalog(), DrawnCache(settings.mix_cache_bytes), uses,
        OpenMixes(settings.open_mix_bytes),
        UploadSlots(settings.bulk_slots), BodyMemory(settings.max_body_memory),
        Budgets(settings, workers), ScanSlots(settings), LookupSlots(settings), StrangerSlots(settings),
        Streams(settings),
    )  # fmt: skip
    for router in ROUTERS:
        app.include_router(router, dependencies=[budgets.charged, stranger_slots.without_body])
    app.include_router(documents, dependencies=[budgets.charged, stranger_slots.without_body])
    _add_health(app, settings, database, metrics)
    app.add_middleware(ObserveRequests, metrics=metrics, answer=answer_problem)
    app.add_middleware(
        KeepPrivate, settings=settings
    )  # the outermost middleware: it also handles the answers of the others
    app.add_middleware(ProxyHeaders, settings=settings)
    for kind in (Refusal, RequestValidationError, HTTPException, DBAPIError, *_UNAVAILABLE):
        app.add_exception_handler(kind, answer_problem)
    _document_problems(app, [route for router in ROUTERS for route in router.routes])
    return app


def check_revision(settings: Settings, database: Database) -> None:
    """Raise WrongRevision, with the command to run, if the database has another revision than this version needs."""
    with database.reads() as session:
        current = revision(session)
    needed = migrate.needed(settings)
    if current != needed:
        state = f"revision {current}" if current else "no tables of Firsthand yet"
        raise WrongRevision(
            f"The database {settings.shown_url} has {state}; this version needs {needed}. Run: firsthand migrate"
        )


def _add_health(app: FastAPI, settings: Settings, database: Database, metrics: Metrics) -> None:
    clock = HostClock()

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Check that the service runs", tags=["health"])
    async def healthz() -> dict[str, str]:
        """Return status 200 if the process runs. This call does not use the database."""
        # async, so that it answers while all worker threads are busy
        return {"status": "alive"}

    @app.head("/readyz", include_in_schema=False)
    @app.get(
        "/readyz", summary="Check that the service is ready", tags=["health"], response_model_exclude_defaults=True
    )
    def readyz() -> Readiness:
        """Return status 200 if the database can be written and has the revision that it needs; otherwise 503.

        There are `warnings` if the clock of the host was changed, or is behind the time of the newest statement.
        """
        check_writable(database)
        try:
            check_revision(settings, database)
        except WrongRevision as error:
            raise errors.Unavailable(str(error), retry_after=10) from None
        with database.reads() as session:
            return readiness(session, clock)

    @app.get(
        "/metrics", summary="Get metrics", tags=["health"], operation_id="metrics_metrics_get", response_class=Response
    )
    def prometheus_metrics(_: Reader) -> Response:
        """Get the metrics of the service in the text format of Prometheus."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


async def answer_problem(request: Request, error: Exception) -> Response:
    """Return the `application/problem+json` answer for an exception of a handler. Log it if the service failed."""
    refusal = _refusal(error)
    if isinstance(error, (DBAPIError, OSError, *_UNAVAILABLE)) or refusal.status == 500:
        logger.error("request failed", path=escaped(request.url.path), exc_info=error)
    problem = refusal.problem(request.url.path)
    return Response(problem.model_dump_json(), refusal.status, headers=refusal.headers, media_type=MEDIA_TYPE)


def _refusal(error: Exception) -> Refusal:
    """Return the refusal for an exception."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if isinstance(error, ClientDisconnect):
        return errors.Malformed("The body ended before it was complete; nothing was stored. Send the request again.")
    if _is_full(error):
        return errors.Unavailable(
            "The registry's disk is full or cannot be written; nothing was stored. Ask its operator to make room, "
            "then send the request again.",
            _RETRY_WHEN_FULL,
        )
    if _is_read_only(error):
        return errors.Unavailable(
            "The database is read-only; nothing was stored. The registry's operator must make it writable.",
            _RETRY_WHEN_FULL,
        )
    if isinstance(error, _UNAVAILABLE) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return errors.Unavailable(
            "The database does not answer; nothing was stored. Send the request again.", retry_after=2
        )
    return Refusal(
        "The service failed unexpectedly; nothing was stored. Give its operator the id of this request "
        "(header X-Request-ID); the log of the service has the details under this id."
    )


def _is_full(error: BaseException) -> bool:
    """Return whether an error means a full disk: for temporary files, SQLite's file or the PostgreSQL server."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
    return isinstance(cause, psycopg.errors.DiskFull) or getattr(cause, "errno", None) in (ENOSPC, EDQUOT, EFBIG)


def _is_read_only(error: BaseException) -> bool:
    """Return whether the database refuses every write."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    return isinstance(cause, psycopg.errors.ReadOnlySqlTransaction)


def _invalid(error: RequestValidationError) -> Refusal:
    """Return the refusal for parameters or a body that do not match their schema."""
    problems = explain.problems(error.errors())
    return errors.Unprocessable("; ".join(explain.located(p.where, p.message) for p in problems[:5]), problems)


def _of_framework(error: HTTPException) -> Refusal:
    """Return the refusal for an error that FastAPI or Starlette raised, such as an unknown path."""
    kinds = {kind.status: kind for kind in Refusal.__subclasses__()}
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase:
        detail = {
            404: "This registry has no call with this path. The page /docs lists all calls.",
            405: "This registry has no call with this method and path. The page /docs lists all calls.",
        }.get(error.status_code, f"{detail}. The page /docs describes all calls.")
    refusal = kinds.get(error.status_code, errors.Malformed)(detail)
    refusal.headers.update(error.headers or {})
    return refusal


def _document_problems(app: FastAPI, routes: list[Any]) -> None:
    """Add the bodies and the schema of a problem to the OpenAPI document, instead of FastAPI's validation errors."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        bodies.document(routes, document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
