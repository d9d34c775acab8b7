"""Verdicts out of the claims on digests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand import verdicts
from firsthand.verdicts import PolicyName, Verdicts
from service import tables
from service.catalog import Claims, Flags, Ids, View
from service.database import rows_by_digest


@dataclass(frozen=True)
class Evidence:
    """The standing claims on some digests: claim i is on digest `item[i]`, by `registration[i]`. Arrays are `[m]`."""

    items: int
    item: Ids
    registration: Ids
    claims: Claims
    disputed: Flags

    def judge(self, policy: PolicyName) -> Verdicts:
        says = self.claims
        tally = verdicts.tally(self.items, self.item, says.origin, says.generation, says.lower_bound, self.disputed)
        return verdicts.judge(tally, policy)


def evidence(session: Session, view: View, digests: Sequence[bytes]) -> Evidence:
    """All claims on the digests that stand at the view's position, sorted by item. A digest may be asked twice."""
    unique = list(dict.fromkeys(digests))
    place = {digest: i for i, digest in enumerate(unique)}
    pairs = rows_by_digest(session, tables.claims, unique)
    item = np.fromiter((place[digest] for digest, _ in pairs), dtype=np.int64, count=len(pairs))
    registration = np.fromiter((id_ for _, id_ in pairs), dtype=np.int64, count=len(pairs))
    stands = view.claims(registration).stands & ~_withdrawn(session, view, unique, pairs)
    order = np.flatnonzero(stands)
    order = order[np.lexsort((view.registrations["position"][registration[order]], item[order]))]
    item, registration = item[order], registration[order]
    claims = view.claims(registration)
    disputed = claims.disputed | _disputed(session, view, unique, [pairs[i] for i in order])
    found = Evidence(len(unique), item, registration, claims, disputed)
    return found if len(unique) == len(digests) else _repeated(found, np.array([place[d] for d in digests]))


def _repeated(found: Evidence, asked: Ids) -> Evidence:
    """The evidence for digests some of which were asked twice: `asked[j]` is the unique item of digest j."""
    first = np.searchsorted(found.item, asked, "left")
    count = np.searchsorted(found.item, asked, "right") - first
    item = np.repeat(np.arange(len(asked)), count)
    rows = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    says = found.claims
    claims = Claims(
        says.stands[rows], says.origin[rows], says.generation[rows], says.lower_bound[rows], says.disputed[rows]
    )
    return Evidence(len(asked), item, found.registration[rows], claims, found.disputed[rows])


def _withdrawn(session: Session, view: View, digests: Sequence[bytes], pairs: Sequence[tuple[bytes, int]]) -> Flags:
    """Which claims a partial withdrawal took back."""
    if not view.catalog.partial_withdrawals:
        return np.zeros(len(pairs), dtype=np.bool_)
    rows = rows_by_digest(session, tables.withdrawn_items, digests)
    gone = {(digest, id_) for digest, id_, position in rows if position <= view.position}
    return np.fromiter((pair in gone for pair in pairs), dtype=np.bool_, count=len(pairs))


def _disputed(session: Session, view: View, digests: Sequence[bytes], pairs: Sequence[tuple[bytes, int]]) -> Flags:
    """Which claims a standing dispute of named items contests."""
    standing = {at for at, dispute in view.standing_disputes.items() if not dispute.whole}
    if not standing:
        return np.zeros(len(pairs), dtype=np.bool_)
    rows = rows_by_digest(session, tables.disputed_items, digests)
    contested = {(digest, id_) for digest, at, id_ in rows if at in standing}
    return np.fromiter((pair in contested for pair in pairs), dtype=np.bool_, count=len(pairs))


def all_claims(session: Session, view: View, digest: bytes) -> list[tuple[int, int | None, list[int]]]:
    """Every claim on a digest, withdrawn ones too, by position: (registration id, withdrawn at, standing disputes)."""
    ids = [id_ for _, id_ in rows_by_digest(session, tables.claims, [digest])]
    gone = {id_: at for _, id_, at in rows_by_digest(session, tables.withdrawn_items, [digest])}
    named = {(at, id_) for _, at, id_ in rows_by_digest(session, tables.disputed_items, [digest])}
    found = []
    for id_ in sorted((i for i in ids if view.has(i)), key=lambda i: int(view.registrations[i]["position"])):
        withdrawn = min(int(view.registrations[id_]["withdrawn"]), gone.get(id_, view.position + 1))
        disputes = [
            at
            for at, dispute in view.standing_disputes.items()
            if dispute.registration == id_ and (dispute.whole or (at, id_) in named)
        ]
        found.append((id_, withdrawn if withdrawn <= view.position else None, disputes))
    return found


def evidence_names(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """The kind of evidence of each registration, by id."""
    registrations = tables.registrations.c
    query = select(registrations.id, registrations.evidence).where(registrations.id.in_(ids))
    return {id_: name for id_, name in session.execute(query)}
