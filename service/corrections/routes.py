"""Withdrawals and disputes over HTTP."""

from fastapi import APIRouter

from firsthand.schemas.corrections import Dispute, NewDispute, NewWithdrawal, Withdrawal
from service.corrections import store
from service.errors import documented
from service.http.dependencies import CatalogOf, OnceOf, Writer, Writes

router = APIRouter(prefix="/v1", tags=["corrections"])


@router.post("/withdrawals", status_code=201, responses=documented(400, 403, 404, 409, 413, 415))
def withdraw(new: NewWithdrawal, caller: Writer, once: OnceOf, session: Writes) -> Withdrawal:
    """Take back one's own registration, whole or of named items, or one's own dispute."""
    return once.answer(201, lambda: store.withdraw(session, caller.speaker, new))  # type: ignore[return-value]


@router.post("/disputes", status_code=201, responses=documented(400, 404, 409, 413, 415))
def dispute(new: NewDispute, caller: Writer, once: OnceOf, session: Writes, catalog: CatalogOf) -> Dispute:
    """Contest another's registration, whole or of named items; it stands until it is withdrawn."""
    return once.answer(201, lambda: store.dispute(session, catalog, caller.speaker, new))  # type: ignore[return-value]
