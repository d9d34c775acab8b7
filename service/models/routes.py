"""HTTP handlers for models."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from firsthand.core.names import ParsedModelName as ModelName
from firsthand.schemas.base import Page
from firsthand.schemas.models import Model, NewModel
from service.claims.catalog import Catalog
from service.errors import documented
from service.http.auth import Reader, Writer
from service.http.bodies import SMALL, json_body
from service.http.limits.budgets import SpendingOf
from service.http.limits.scan_slots import ScanSlots
from service.http.paging import Pages
from service.http.path_parameters import ModelInPath, OrganizationInPath, VersionInPath
from service.http.state import shared
from service.http.transactions import DatabaseOf, Reads, Writes
from service.models import store

router = APIRouter(prefix="/v1/models", tags=["models"])


async def _scanned(
    new: Annotated[NewModel, json_body(NewModel, Writer, SMALL)],
    caller: Writer,
    slots: Annotated[ScanSlots, shared(ScanSlots)],
) -> AsyncIterator[NewModel]:
    """Hold a scan slot while the items of datasets are counted.

    For mixes, no slot is needed: their counts are stored.
    """
    async with slots.one_if(any(source.dataset is not None for source in new.trained_on), caller):
        yield new


@router.put(
    "/{organization}/{name}/{version}",
    summary="Create a model",
    status_code=201,
    responses={200: {"model": Model}, **documented(400, 403, 409, 413, 415)},
)
def put_model(
    organization: OrganizationInPath,
    name: ModelInPath,
    version: VersionInPath,
    new: Annotated[NewModel, Depends(_scanned, scope="function")],
    caller: Writer,
    spending: SpendingOf,
    database: DatabaseOf,
    catalog: Annotated[Catalog, shared(Catalog)],
    session: Writes,
    response: Response,
) -> Model:
    """Create a model of your organization, with its training data. The registry computes its generation.

    If the model already exists with the same body, the status is 200.
    """
    model_name = ModelName(organization, name, version)
    derivation = store.derivation(database, catalog, caller.issuer, model_name, new, spending.spend)
    model, created = store.put(session, caller.issuer, model_name, new, derivation)
    response.status_code = 201 if created else 200
    return model


@router.get("/{organization}/{name}/{version}", summary="Get a model", responses=documented(404))
def get_model(
    organization: OrganizationInPath, name: ModelInPath, version: VersionInPath, _: Reader, session: Reads
) -> Model:
    """Get a model, with its training data and its generation."""
    return store.get(session, str(ModelName(organization, name, version)))


@router.get("", summary="List models")
def list_models(_: Reader, session: Reads, pages: Pages) -> Page[Model]:
    """List the models, sorted by name."""
    return pages.page(store.page(session, pages.after, pages.limit + 1), lambda entry: entry.name)
