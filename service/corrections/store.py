"""Withdrawals and disputes: statements about earlier statements. Earlier statements are never changed or deleted."""

from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from firsthand.core import merkle
from firsthand.core.digests import Digests, sort_unique, to_bytes, to_text
from firsthand.schemas.corrections import Dispute, NewDispute, NewWithdrawal, Withdrawal
from service.claims.catalog import Catalog
from service.claims.other_claims import OtherClaims
from service.errors import NotPermitted, ResourceNotFound, StateConflict, Unprocessable
from service.http.parsing.bulk_bodies import digests_from_texts
from service.log import store as log
from service.log.rules import Issuer
from service.registrations import store as registrations
from service.storage import tables
from service.storage.blocks import registration_digests
from service.storage.bulk import insert_new, rows_by_digest


class CorrectedItems(NamedTuple):
    """The items of a partial withdrawal or dispute: sorted, without duplicates.

    `registration` is the id of their registration.
    """

    registration: int
    digests: Digests


def withdraw(session: Session, issuer: Issuer, new: NewWithdrawal) -> Withdrawal:
    """Withdraw a dispute of the issuer or a registration of the issuer, completely or for some items.

    Raises ResourceNotFound if there is no such statement, NotPermitted if it belongs to another organization,
    Unprocessable if it cannot be withdrawn or an item is not in it, and StateConflict if it is already withdrawn.
    """
    statement = log.at(session, new.statement)
    if statement is None or (not issuer.reads and statement.name != issuer.name):
        owner = "" if issuer.reads else f" of {issuer.name}"
        raise ResourceNotFound(f"There is no statement{owner} at position {new.statement}. Check the position.")
    if statement.name != issuer.name:
        raise NotPermitted(
            f"Statement {new.statement} belongs to {statement.name}, and only {statement.name} can withdraw it. "
            "You can dispute a registration of another organization."
        )
    if statement.kind not in ("registration", "dispute"):
        raise Unprocessable.at(
            "statement",
            f"statement {new.statement} is a {statement.kind}; only registrations and disputes can be withdrawn. Check"
            " the position",
        )
    if statement.kind == "dispute" and new.digests is not None:
        raise Unprocessable.at("digests", "a dispute can only be withdrawn completely; remove digests")
    named = _named(session, new.statement, new.digests) if statement.kind == "registration" else None
    log.lock(session)
    _check_not_withdrawn(session, new.statement)
    if named:
        _check_none_withdrawn(session, new.statement, named)
        items = len(named.digests)
    else:
        table = tables.registrations if statement.kind == "registration" else tables.disputes
        items = session.scalar(select(table.c["items"]).filter_by(position=new.statement)) or 0
    body = {"statement": new.statement, "reason": new.reason, **_items_field(named)}
    position = log.append(session, "withdrawal", issuer, body)
    values = {"statement": new.statement, "whole": named is None, "items": items, "reason": new.reason}
    session.execute(insert(tables.withdrawals).values(position=position, **values))
    if named:
        digests = to_bytes(named.digests)
        columns: dict[str, list[Any]] = {
            "digest": digests,
            "registration": [named.registration] * items,
            "position": [position] * items,
        }
        insert_new(session, tables.withdrawn_items, columns)
        insert_new(session, tables.overlaps, {"digest": digests})
    return Withdrawal(position=position, statement=new.statement, items=items, reason=new.reason)


def dispute(session: Session, catalog: Catalog, issuer: Issuer, new: NewDispute) -> Dispute:
    """Dispute a registration of another organization, completely or for some items.

    Raises NotPermitted without the scope read, ResourceNotFound if there is no such registration, Unprocessable if it
    belongs to the issuer or an item is not in it, and StateConflict if it is already withdrawn.
    """
    if not issuer.reads:
        raise NotPermitted(
            "A dispute is about a registration of another organization, so it also needs the scope read. "
            "Use a key that has this scope."
        )
    row = registrations.row_at(session, new.registration)
    if row.organization == issuer.id:
        raise Unprocessable.at(
            "registration", f"registration {new.registration} belongs to your organization; withdraw it instead"
        )
    _check_not_withdrawn(session, new.registration)
    named = _named(session, new.registration, new.digests)
    overlapping = _claimed_by_others(session, catalog, row.id) if named is None else to_bytes(named.digests)
    log.lock(session)
    _check_not_withdrawn(session, new.registration)
    body = {"registration": new.registration, "reason": new.reason, **_items_field(named)}
    position = log.append(session, "dispute", issuer, body)
    items = len(named.digests) if named else row.items
    values = {"registration": row.id, "whole": named is None, "items": items, "reason": new.reason}
    session.execute(insert(tables.disputes).values(position=position, organization=issuer.id, **values))
    if named:
        columns: dict[str, list[Any]] = {
            "digest": overlapping,
            "dispute": [position] * items,
            "registration": [row.id] * items,
        }
        insert_new(session, tables.disputed_items, columns)
    insert_new(session, tables.overlaps, {"digest": overlapping})
    return Dispute(position=position, registration=new.registration, items=items, reason=new.reason)


def _named(session: Session, position: int, texts: list[str] | None) -> CorrectedItems | None:
    """Return the items with these digests. Return None if `texts` is None: then all items are meant.

    Raises Unprocessable if the registration does not claim an item.
    """
    if texts is None:
        return None
    id_ = registrations.row_at(session, position).id
    digests, _ = sort_unique(digests_from_texts(texts))
    rows = rows_by_digest(session, tables.claims, to_bytes(digests))
    claimed = {digest for digest, registration in rows if registration == id_}
    for digest in to_bytes(digests):
        if digest not in claimed:
            raise Unprocessable.at(
                "digests",
                f"{to_text(digest)} is not claimed by registration {position}; remove this digest, or check the"
                " registration",
            )
    return CorrectedItems(id_, digests)


def _items_field(named: CorrectedItems | None) -> dict[str, Any]:
    """Return the field of a statement with the number of the items and their Merkle root.

    It proves which items are meant, but stays small for any number of items.
    """
    if named is None:
        return {}
    return {"items": {"count": len(named.digests), "root": to_text(merkle.root(named.digests))}}


def _claimed_by_others(session: Session, catalog: Catalog, id_: int) -> list[bytes]:
    """Return the items of a registration that other registrations claim too, sorted. This takes the head lock.

    The verdict on these items must be computed from all their claims: another registration alone does not show that
    they are disputed.
    """
    registration_columns = catalog.view(session).registrations
    blocks = [digests for _, digests in registration_digests(session, registration_columns, np.array([id_]))]
    digests = np.concatenate([np.empty((0, 32), np.uint8), *blocks])
    others = OtherClaims(session, catalog, digests, own=id_)
    log.lock(session)
    others.complete()
    return to_bytes(digests[np.unique(others.row)])


def _check_not_withdrawn(session: Session, position: int) -> None:
    withdrawals = tables.withdrawals.c
    query = select(withdrawals.position).where(withdrawals.statement == position, withdrawals.whole)
    withdrawal = session.scalar(query)
    if withdrawal is not None:
        raise StateConflict(
            f"Statement {position} was already withdrawn at position {withdrawal}. It cannot be withdrawn or disputed "
            "again. Check the position that you gave."
        )


def _check_none_withdrawn(session: Session, position: int, named: CorrectedItems) -> None:
    """Raise StateConflict if one of these items is already withdrawn.

    Because no item can be withdrawn twice, the numbers of items of partial withdrawals can be added.
    """
    for digest, id_, withdrawal in rows_by_digest(session, tables.withdrawn_items, to_bytes(named.digests)):
        if id_ == named.registration:
            raise StateConflict(
                f"{to_text(digest)} of registration {position} was already withdrawn at position {withdrawal}. "
                "Remove it from digests."
            )
