"""Verdicts out of the claims on digests."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from firsthand.core import verdicts
from firsthand.core.digests import Digests, places, sort_unique
from firsthand.core.verdicts import PolicyName, Tally, Verdicts
from service.claims.catalog import Claims, Flags, Ids, View
from service.storage import tables
from service.storage.engine import columns_by_digest


@dataclass(frozen=True)
class Evidence:
    """The standing claims on some digests: claim i is on digest `item[i]`, by `registration[i]`. Arrays are `[m]`."""

    items: int
    item: Ids
    registration: Ids
    claims: Claims
    disputed: Flags

    def tally(self) -> Tally:
        says = self.claims
        return verdicts.tally(self.items, self.item, says.origin, says.generation, says.lower_bound, self.disputed)

    def judge(self, policy: PolicyName) -> Verdicts:
        return verdicts.judge(self.tally(), policy)


def evidence(session: Session, view: View, digests: Digests) -> Evidence:
    """All claims on the digests, `uint8[n, 32]`, that stand at the view's position, sorted by item, then position.

    Item i is row i; a digest may be asked twice.
    """
    ordered, rows = sort_unique(digests)
    row, registration = columns_by_digest(session, tables.claims, ordered)
    stands = view.claims(registration).stands & ~_withdrawn(session, view, ordered, row, registration)
    row, registration = row[stands], registration[stands]
    item = rows[row] if len(rows) == len(digests) else row
    order = np.lexsort((view.registrations["position"][registration], item))
    item, row, registration = item[order], row[order], registration[order]
    claims = view.claims(registration)
    disputed = claims.disputed | _disputed(session, view, ordered, row, registration)
    found = Evidence(len(ordered), item, registration, claims, disputed)
    return found if len(rows) == len(digests) else _repeated(found, places(ordered, digests))


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


def _withdrawn(session: Session, view: View, ordered: Digests, row: Ids, registration: Ids) -> Flags:
    """Which claims, (row in `ordered`, registration), a partial withdrawal took back."""
    if not view.catalog.partial_withdrawals:
        return np.zeros(len(row), dtype=np.bool_)
    of, by, position = columns_by_digest(session, tables.withdrawn_items, ordered)
    gone = position <= view.position
    return _among(row, registration, of[gone], by[gone])


def _disputed(session: Session, view: View, ordered: Digests, row: Ids, registration: Ids) -> Flags:
    """Which claims, (row in `ordered`, registration), a standing dispute of named items contests."""
    standing = [at for at, dispute in view.standing_disputes.items() if not dispute.whole]
    if not standing:
        return np.zeros(len(row), dtype=np.bool_)
    of, dispute, by = columns_by_digest(session, tables.disputed_items, ordered)
    stands = np.isin(dispute, standing)
    return _among(row, registration, of[stands], by[stands])


def _among(row: Ids, registration: Ids, other_row: Ids, other_registration: Ids) -> Flags:
    """Which pairs are among others."""
    pairs, others = np.column_stack([row, registration]), np.column_stack([other_row, other_registration])
    _, number = np.unique(np.concatenate([pairs, others]), axis=0, return_inverse=True)
    return np.isin(number[: len(pairs)], number[len(pairs) :])
