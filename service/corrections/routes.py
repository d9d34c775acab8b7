"""HTTP handlers for withdrawals and disputes."""

from typing import Annotated

from fastapi import APIRouter, Response

from firsthand.schemas.corrections import Dispute, NewDispute, NewWithdrawal, Withdrawal
from service.claims.catalog import Catalog
from service.corrections import store
from service.errors import documented
from service.http.auth import Writer
from service.http.bodies import ITEMS, json_body
from service.http.idempotency import OnceOf
from service.http.limits.budgets import LOOKED_UP_ITEMS_PER_UNIT, SpendingOf
from service.http.state import shared
from service.http.transactions import Writes

router = APIRouter(prefix="/v1", tags=["corrections"])


@router.post(
    "/withdrawals",
    summary="Withdraw a registration or a dispute",
    status_code=201,
    response_model=Withdrawal,
    responses=documented(400, 403, 404, 409, 413, 415),
)
def withdraw(
    new: Annotated[NewWithdrawal, json_body(NewWithdrawal, Writer, ITEMS)],
    caller: Writer,
    once: OnceOf,
    session: Writes,
) -> Response:
    """Withdraw a registration or a dispute of your own organization.

    A registration can be withdrawn completely or for some items. A dispute can only be withdrawn completely.
    """
    return once.answer(201, lambda: store.withdraw(session, caller.issuer, new))


@router.post(
    "/disputes",
    summary="Dispute a registration",
    status_code=201,
    response_model=Dispute,
    responses=documented(400, 404, 409, 413, 415),
)
def dispute(
    new: Annotated[NewDispute, json_body(NewDispute, Writer, ITEMS)],
    caller: Writer,
    once: OnceOf,
    session: Writes,
    catalog: Annotated[Catalog, shared(Catalog)],
    spending: SpendingOf,
) -> Response:
    """Dispute a registration of another organization, completely or for some items.

    The dispute stands until your organization withdraws it.
    """

    def work() -> Dispute:
        stored = store.dispute(session, catalog, caller.issuer, new)
        spending.owe(stored.items / LOOKED_UP_ITEMS_PER_UNIT)  # the claims on all of them were looked up
        return stored

    return once.answer(201, work)
