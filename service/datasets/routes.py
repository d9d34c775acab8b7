"""HTTP handlers for datasets."""

from fastapi import APIRouter, Response

from firsthand.core.names import ParsedDatasetName as DatasetName
from firsthand.schemas.base import Page
from firsthand.schemas.datasets import Dataset, NewDataset
from service.datasets import store
from service.errors import documented
from service.http.auth import Reader, Writer
from service.http.paging import Pages
from service.http.path_parameters import DatasetInPath, OrganizationInPath
from service.http.transactions import Reads, Writes

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.put(
    "/{organization}/{name}",
    summary="Create a dataset",
    status_code=201,
    responses={200: {"model": Dataset}, **documented(400, 403, 409, 413, 415)},
)
def put_dataset(
    organization: OrganizationInPath,
    name: DatasetInPath,
    new: NewDataset,
    caller: Writer,
    session: Writes,
    response: Response,
) -> Dataset:
    """Create a dataset of your organization. If it already exists with the same body, the status is 200."""
    dataset, created = store.put(session, caller.issuer, DatasetName(organization, name), new)
    response.status_code = 201 if created else 200
    return dataset


@router.get("/{organization}/{name}", summary="Get a dataset", responses=documented(404))
def get_dataset(organization: OrganizationInPath, name: DatasetInPath, _: Reader, session: Reads) -> Dataset:
    """Get a dataset, with the numbers of its standing registrations and claims."""
    return store.get(session, str(DatasetName(organization, name)))


@router.get("", summary="List datasets")
def list_datasets(_: Reader, session: Reads, pages: Pages) -> Page[Dataset]:
    """List the datasets, sorted by name."""
    return pages.page(store.page(session, pages.after, pages.limit + 1), lambda entry: entry.name)
