"""Withdrawals and disputes: statements about earlier statements. Nothing is ever changed or deleted."""

from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from firsthand.core import merkle
from firsthand.core.digests import Digests, sort_unique, stack, to_bytes, to_text
from firsthand.schemas.corrections import Dispute, NewDispute, NewWithdrawal, Withdrawal
from service.claims.catalog import Catalog
from service.errors import Conflict, Forbidden, NotFound, Unprocessable
from service.log import store as log
from service.log.rules import Speaker
from service.registrations import store as registrations
from service.registrations.bodies import digests_from_texts
from service.registrations.store import Neighbours, digests_of
from service.storage import tables
from service.storage.engine import insert_new, rows_by_digest


def withdraw(session: Session, speaker: Speaker, new: NewWithdrawal) -> Withdrawal:
    """Take back one's own registration, whole or of named items, or one's own dispute."""
    said = log.at(session, new.statement)
    if said is None:
        raise NotFound(f"There is no statement at position {new.statement}.")
    if said.name != speaker.name:
        raise Forbidden(f"Statement {new.statement} is one of {said.name}; what another says can be disputed.")
    if said.kind not in ("registration", "dispute"):
        raise Unprocessable.at("statement", f"{new.statement} is a {said.kind}; registrations and disputes go back")
    if said.kind == "dispute" and new.digests is not None:
        raise Unprocessable.at("digests", "a dispute is taken back whole")
    named = _named(session, new.statement, new.digests) if said.kind == "registration" else None
    log.lock(session)
    _not_withdrawn(session, new.statement)
    if named:
        _none_withdrawn(session, new.statement, named)
    body = {"statement": new.statement, "reason": new.reason, **_said_of(named)}
    place = log.append(session, "withdrawal", speaker, body)
    items = len(named.digests) if named else _items(session, new.statement, said.kind)
    values = {"statement": new.statement, "whole": named is None, "items": items, "reason": new.reason}
    session.execute(insert(tables.withdrawals).values(position=place, **values))
    if named:
        digests = to_bytes(named.digests)
        rows: dict[str, list[Any]] = {
            "digest": digests,
            "registration": [named.id] * items,
            "position": [place] * items,
        }
        insert_new(session, tables.withdrawn_items, rows)
        insert_new(session, tables.overlaps, {"digest": digests})
    return Withdrawal(position=place, statement=new.statement, items=items, reason=new.reason)


def dispute(session: Session, catalog: Catalog, speaker: Speaker, new: NewDispute) -> Dispute:
    """Contest another's registration, whole or of named items."""
    row = registrations.row_at(session, new.registration)
    if row.organization == speaker.id:
        raise Unprocessable.at("registration", f"{new.registration} is your own: withdraw it instead")
    _not_withdrawn(session, new.registration)
    named = _named(session, new.registration, new.digests)
    overlapping = _whole(session, catalog, row.id) if named is None else to_bytes(named.digests)
    log.lock(session)
    _not_withdrawn(session, new.registration)
    body = {"registration": new.registration, "reason": new.reason, **_said_of(named)}
    place = log.append(session, "dispute", speaker, body)
    items = len(named.digests) if named else row.items
    values = {"registration": row.id, "whole": named is None, "items": items, "reason": new.reason}
    session.execute(insert(tables.disputes).values(position=place, organization=speaker.id, **values))
    if named:
        rows: dict[str, list[Any]] = {
            "digest": overlapping,
            "dispute": [place] * items,
            "registration": [row.id] * items,
        }
        insert_new(session, tables.disputed_items, rows)
    insert_new(session, tables.overlaps, {"digest": overlapping})
    return Dispute(position=place, registration=new.registration, items=items, reason=new.reason)


class _Named(NamedTuple):
    """Items that a correction names, of the registration with this id."""

    id: int
    digests: Digests


def _named(session: Session, position: int, texts: list[str] | None) -> _Named | None:
    """The named items, sorted; each must be claimed by the registration."""
    if texts is None:
        return None
    id_ = registrations.row_at(session, position).id
    digests, _ = sort_unique(digests_from_texts(texts))
    claimed = {digest for digest, by in rows_by_digest(session, tables.claims, to_bytes(digests)) if by == id_}
    for digest in to_bytes(digests):
        if digest not in claimed:
            raise Unprocessable.at("digests", f"{to_text(digest)} is not claimed by registration {position}")
    return _Named(id_, digests)


def _said_of(named: _Named | None) -> dict[str, Any]:
    """Named items in a statement: by number and root, for a statement is small."""
    if named is None:
        return {}
    return {"items": {"count": len(named.digests), "root": to_text(merkle.root(named.digests))}}


def _whole(session: Session, catalog: Catalog, id_: int) -> list[bytes]:
    """The items of a registration that others claim too: judged by their own registration, they would seem undisputed.

    Takes the head lock.
    """
    held = digests_of(session, catalog.view(session), np.array([id_]))
    digests = stack([d for _, block in held for d in to_bytes(block)])
    neighbours = Neighbours(session, catalog, digests, id_)
    log.lock(session)
    neighbours.look_again()
    return neighbours.known()


def _not_withdrawn(session: Session, position: int) -> None:
    withdrawals = tables.withdrawals.c
    query = select(withdrawals.position).where(withdrawals.statement == position, withdrawals.whole)
    at = session.scalar(query)
    if at is not None:
        raise Conflict(f"Statement {position} was withdrawn at position {at}.")


def _none_withdrawn(session: Session, position: int, named: _Named) -> None:
    """A log says a thing once; so the items of partial withdrawals can be counted together."""
    for digest, id_, at in rows_by_digest(session, tables.withdrawn_items, to_bytes(named.digests)):
        if id_ == named.id:
            raise Conflict(f"{to_text(digest)} of registration {position} was withdrawn at position {at}.")


def _items(session: Session, position: int, kind: str) -> int:
    table = tables.registrations if kind == "registration" else tables.disputes
    return session.scalar(select(table.c["items"]).filter_by(position=position)) or 0
