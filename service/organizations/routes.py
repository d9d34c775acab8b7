"""HTTP handlers for organizations and API keys."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from firsthand.schemas.base import Page
from firsthand.schemas.organizations import (
    IssuedKey,
    Key,
    NewKey,
    NewOrganization,
    NewRotation,
    Organization,
    Revocation,
    RotatedKey,
)
from service.errors import documented
from service.http.auth import Admin, Caller, Known, Operator, Reader, WholeKey
from service.http.bodies import SMALL, json_body
from service.http.idempotency import OnceOf
from service.http.paging import Pages
from service.http.transactions import Reads, Writes
from service.log.rules import moment, optional_moment
from service.organizations import rules, store
from service.organizations.rules import KeyManager
from service.storage.api_keys import NewApiKey
from service.storage.engine import now

router = APIRouter(tags=["organizations"])

KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="The id of the API key.")]


@router.post(
    "/v1/organizations",
    summary="Create an organization",
    status_code=201,
    response_model=Organization,
    responses=documented(400, 409, 413, 415),
)
def create_organization(
    new: Annotated[NewOrganization, json_body(NewOrganization, Operator, SMALL)],
    caller: Operator,
    once: OnceOf,
    session: Writes,
) -> Response:
    """Create an organization. It has no API key yet: create a key with `POST /v1/keys`."""
    return once.answer(201, lambda: _organization(store.create(session, new.name, new.title, caller.issuer)))


@router.get("/v1/organizations", summary="List organizations")
def list_organizations(_: Reader, session: Reads, pages: Pages) -> Page[Organization]:
    """List the organizations, sorted by name."""
    rows = store.page(session, pages.after, pages.limit + 1)
    return pages.page([_organization(row) for row in rows], lambda entry: entry.name)


@router.post(
    "/v1/keys",
    summary="Create an API key",
    status_code=201,
    response_model=IssuedKey,
    responses=documented(400, 404, 409, 413, 415),
)
def create_key(
    new: Annotated[NewKey, json_body(NewKey, Admin, SMALL)],
    caller: Admin,
    own_key: WholeKey,
    once: OnceOf,
    session: Writes,
) -> Response:
    """Create an API key for an organization. Only this answer contains the key.

    If the request is repeated with the same Idempotency-Key, the answer contains the key again. With the scope `admin`,
    the key belongs to your own organization and has only scopes that your key has. The scope `operator` can create any
    key.
    """
    manager = _manager(caller)
    manager.check_organization(new.organization)
    manager.check_scopes(new.scopes)
    expires_at = _expiry(new.expires_at)

    def work(key: NewApiKey) -> IssuedKey:
        store.issue_key(session, new.organization, new.name, new.scopes, expires_at, key)
        return IssuedKey(**_key(store.key(session, key.id)).model_dump(), key=key.key)

    return once.answer_key(own_key, work)


@router.post(
    "/v1/keys/{id}/rotations",
    summary="Rotate an API key",
    status_code=201,
    response_model=RotatedKey,
    responses=documented(400, 404, 409, 413, 415),
)
def rotate_key(
    id: KeyId,
    new: Annotated[NewRotation, json_body(NewRotation, Admin, SMALL)],
    caller: Admin,
    own_key: WholeKey,
    once: OnceOf,
    session: Writes,
) -> Response:
    """Replace an API key by a new key with the same organization, name and scopes.

    Both keys are valid for `overlap` seconds. Then the old key expires. Only this answer contains the new key. If the
    request is repeated with the same Idempotency-Key, the answer contains the key again.
    """
    expires_at = _expiry(new.expires_at)

    def work(key: NewApiKey) -> RotatedKey:
        until = store.rotate(session, _manager(caller), id, new.overlap, expires_at, key)
        issued = _key(store.key(session, key.id)).model_dump()
        return RotatedKey(**issued, key=key.key, replaces=id, replaced_until=moment(until))

    return once.answer_key(own_key, work)


@router.get("/v1/keys", summary="List API keys")
def list_keys(caller: Admin, session: Reads, pages: Pages) -> Page[Key]:
    """List the API keys of your organization, including revoked and expired keys. Secrets are not shown.

    With the scope `operator`, the keys of all organizations are listed.
    """
    rows = store.keys_page(session, pages.after, pages.limit + 1, _manager(caller).organization)
    return pages.page([_key(row) for row in rows], lambda entry: entry.id)


@router.get("/v1/keys/current", summary="Get your API key")
def current_key(caller: Known, session: Reads) -> Key:
    """Get the organization and the scopes of the API key that this request uses."""
    return _key(store.key(session, caller.key))


@router.delete(
    "/v1/keys/{id}", summary="Revoke an API key", response_model=Revocation, responses=documented(404, 409, 413, 415)
)
def revoke_key(id: KeyId, caller: Admin, once: OnceOf, session: Writes) -> Response:
    """Revoke an API key of your organization. This cannot be undone.

    With the scope `operator`, you can revoke the keys of all organizations. The last valid key with the scope
    `operator` cannot be revoked: the status is then 409.
    """
    return once.answer(200, lambda: Revocation(id=id, position=store.revoke(session, _manager(caller), id)))


def _manager(caller: Caller) -> KeyManager:
    return KeyManager(caller.issuer, caller.scopes)


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
        expires_at=optional_moment(row.expires_at),
        last_used_at=optional_moment(row.last_used_at),
        replaced_by=row.replaced_by,
    )


def _expiry(expires_at: datetime | None) -> int | None:
    """Convert the time at which a new key expires into seconds since 1970. None means that the key does not expire.

    Raises Unprocessable if the time is not in the future.
    """
    seconds = None if expires_at is None else int(expires_at.timestamp())
    rules.check_expiry(seconds, now())
    return seconds
