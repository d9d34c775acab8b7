"""Organizations and keys over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from firsthand.schemas.base import Page
from firsthand.schemas.organizations import IssuedKey, Key, NewKey, NewOrganization, Organization, Revocation
from service.errors import documented
from service.http.dependencies import Admin, Known, OnceOf, Pages, Reader, Reads, Writes
from service.log.rules import moment, optional_moment
from service.organizations import store

router = APIRouter(tags=["organizations"])

KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]


@router.post("/v1/organizations", status_code=201, responses=documented(400, 409, 413, 415))
def create_organization(new: NewOrganization, caller: Admin, once: OnceOf, session: Writes) -> Organization:
    """Register an organization; its administrators then issue it a key."""
    return once.answer(  # type: ignore[return-value]
        201, lambda: _organization(store.create(session, new.name, new.title, caller.speaker))
    )


@router.get("/v1/organizations")
def list_organizations(_: Reader, session: Reads, pages: Pages) -> Page[Organization]:
    """The organizations, by name."""
    rows = store.page(session, pages.after, pages.limit + 1)
    return pages.page([_organization(row) for row in rows], lambda entry: entry.name)


@router.post("/v1/keys", status_code=201, responses=documented(400, 404, 413, 415))
def create_key(new: NewKey, caller: Admin, session: Writes) -> IssuedKey:
    """Issue a key. It is shown in this answer alone, so the answer is never stored for an Idempotency-Key."""
    id_, key = store.issue_key(session, new.organization, new.name, new.scopes)
    return IssuedKey(**_key(store.key(session, id_)).model_dump(), key=key)


@router.get("/v1/keys")
def list_keys(_: Admin, session: Reads, pages: Pages) -> Page[Key]:
    """All keys, revoked ones too, without their secrets."""
    rows = store.keys_page(session, pages.after, pages.limit + 1)
    return pages.page([_key(row) for row in rows], lambda entry: entry.id)


@router.get("/v1/keys/current")
def current_key(caller: Known, session: Reads) -> Key:
    """The key of this request: who one is here, and what one may do."""
    return _key(store.key(session, caller.key))


@router.delete("/v1/keys/{id}", responses=documented(404, 409, 413, 415))
def revoke_key(id: KeyId, caller: Admin, once: OnceOf, session: Writes) -> Revocation:
    """Revoke a key, for good."""
    return once.answer(  # type: ignore[return-value]
        200, lambda: Revocation(id=id, position=store.revoke(session, id, caller.speaker))
    )


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
