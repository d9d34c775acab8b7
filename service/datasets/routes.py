"""Datasets over HTTP."""

from fastapi import APIRouter, Response

from firsthand.core.names import Dataset as DatasetName
from firsthand.core.names import Word
from firsthand.schemas.base import Page
from firsthand.schemas.datasets import Dataset, NewDataset
from service.datasets import store
from service.errors import documented
from service.http.dependencies import Pages, Reader, Reads, Writer, Writes

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.put(
    "/{organization}/{name}",
    status_code=201,
    responses={200: {"model": Dataset}, **documented(400, 403, 409, 413, 415)},
)
def put_dataset(
    organization: Word, name: Word, new: NewDataset, caller: Writer, session: Writes, response: Response
) -> Dataset:
    """Register a dataset: 201, or 200 where it is registered with the same body."""
    dataset, created = store.put(session, caller.speaker, DatasetName(organization, name), new)
    response.status_code = 201 if created else 200
    return dataset


@router.get("/{organization}/{name}", responses=documented(404))
def get_dataset(organization: Word, name: Word, _: Reader, session: Reads) -> Dataset:
    """A dataset, with what stands in it."""
    return store.get(session, str(DatasetName(organization, name)))


@router.get("")
def list_datasets(_: Reader, session: Reads, pages: Pages) -> Page[Dataset]:
    """The datasets, by name."""
    return pages.page(store.page(session, pages.after, pages.limit + 1), lambda entry: entry.name)
