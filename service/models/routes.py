"""Models over HTTP."""

from fastapi import APIRouter, Response

from firsthand.core.names import Model as ModelName
from firsthand.core.names import Word
from firsthand.schemas.base import Page
from firsthand.schemas.models import Model, NewModel
from service.errors import documented
from service.http.dependencies import CatalogOf, DatabaseOf, Pages, Reader, Reads, Writer, Writes
from service.models import store

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.put(
    "/{organization}/{name}/{version}",
    status_code=201,
    responses={200: {"model": Model}, **documented(400, 403, 409, 413, 415)},
)
def put_model(
    organization: Word,
    name: Word,
    version: Word,
    new: NewModel,
    caller: Writer,
    database: DatabaseOf,
    catalog: CatalogOf,
    session: Writes,
    response: Response,
) -> Model:
    """Register a model and what it was trained on; its generation follows, with the counts behind it."""
    model = ModelName(organization, name, version)
    found = store.derivation(database, catalog, str(model), new)
    answer, created = store.put(session, caller.speaker, model, new, found)
    response.status_code = 201 if created else 200
    return answer


@router.get("/{organization}/{name}/{version}", responses=documented(404))
def get_model(organization: Word, name: Word, version: Word, _: Reader, session: Reads) -> Model:
    """A model, its training data and its generation."""
    return store.get(session, str(ModelName(organization, name, version)))


@router.get("")
def list_models(_: Reader, session: Reads, pages: Pages) -> Page[Model]:
    """The models, by name."""
    return pages.page(store.page(session, pages.after, pages.limit + 1), lambda entry: entry.name)
