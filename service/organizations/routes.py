"""HTTP handlers for organizations and API keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from firsthand.schemas.base import Page
from firsthand.schemas.organizations import IssuedKey, Key, NewKey, NewOrganization, Organization, Revocation
from service.errors import documented
from service.http.auth import Admin, Known, Reader
from service.http.idempotency import OnceOf
from service.http.paging import Pages
from service.http.transactions import Reads, Writes
from service.log.rules import moment, optional_moment
from service.organizations import store

router = APIRouter(tags=["organizations"])

KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="The id of the API key.")]


@router.post(
    "/v1/organizations",
    summary="Create an organization",
    status_code=201,
    response_model=Organization,
    responses=documented(400, 409, 413, 415),
)
def create_organization(new: NewOrganization, caller: Admin, once: OnceOf, session: Writes) -> Response:
    """Create an organization. It has no API key yet: create a key with `POST /v1/keys`."""
    return once.answer(201, lambda: _organization(store.create(session, new.name, new.title, caller.issuer)))


@router.get("/v1/organizations", summary="List organizations")
def list_organizations(_: Reader, session: Reads, pages: Pages) -> Page[Organization]:
    """List the organizations, sorted by name."""
    rows = store.page(session, pages.after, pages.limit + 1)
    return pages.page([_organization(row) for row in rows], lambda entry: entry.name)


@router.post("/v1/keys", summary="Create an API key", status_code=201, responses=documented(400, 404, 413, 415))
def create_key(new: NewKey, caller: Admin, session: Writes) -> IssuedKey:
    """Create an API key for an organization.

    Only this answer shows the key. It is not stored, so this call has no Idempotency-Key.
    """
    id_, key = store.issue_key(session, new.organization, new.name, new.scopes)
    return IssuedKey(**_key(store.key(session, id_)).model_dump(), key=key)


@router.get("/v1/keys", summary="List API keys")
def list_keys(_: Admin, session: Reads, pages: Pages) -> Page[Key]:
    """List all API keys, including revoked keys, without their secrets."""
    rows = store.keys_page(session, pages.after, pages.limit + 1)
    return pages.page([_key(row) for row in rows], lambda entry: entry.id)


@router.get("/v1/keys/current", summary="Get your API key")
def current_key(caller: Known, session: Reads) -> Key:
    """Get the organization and the scopes of the API key that this request uses."""
    return _key(store.key(session, caller.key))


@router.delete(
    "/v1/keys/{id}", summary="Revoke an API key", response_model=Revocation, responses=documented(404, 409, 413, 415)
)
def revoke_key(id: KeyId, caller: Admin, once: OnceOf, session: Writes) -> Response:
    """Revoke an API key. This cannot be undone."""
    return once.answer(200, lambda: Revocation(id=id, position=store.revoke(session, id, caller.issuer)))


def _organization(row: object) -> Organization:
    return Organization.model_validate(row, from_attributes=True)


def _key(row: Any) -> Key:
    return Key(
        id=row.id,
        organization=row.name,
        name=row.label,
        scopes=row.scopes.split(),
        created_at=moment(row.created_at),
        revoked_at=optional_moment(row.revoked_at),
    )
