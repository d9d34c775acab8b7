"""The standing claims on many digests, and the verdicts that follow from them."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from firsthand.core import verdicts
from firsthand.core.digests import Digests, positions_of, sort_unique
from firsthand.core.verdicts import Flags, PolicyName, Tally, Verdicts
from service.claims.view import ClaimColumns, View
from service.storage import tables
from service.storage.block_layout import Ids
from service.storage.bulk import columns_by_digest


@dataclass(frozen=True)
class StandingClaims:
    """The m standing claims on `items` digests. Arrays are `[m]`.

    Claim i is on the digest with the index `item[i]`, and belongs to the registration with the id `registration[i]`.
    """

    items: int
    item: Ids
    registration: Ids
    claims: ClaimColumns
    disputed: Flags

    def tally(self) -> Tally:
        """Return the tally of the claims on each item."""
        claims = self.claims
        return verdicts.tally(
            self.items, self.item, claims.origin, claims.generation, claims.lower_bound, self.disputed
        )

    def judge(self, policy: PolicyName) -> Verdicts:
        """Return the verdict on each item under a policy."""
        return verdicts.judge(self.tally(), policy)


def standing_claims(session: Session, view: View, digests: Digests) -> StandingClaims:
    """Return all claims on `digests`, `uint8[n, 32]`, that stand at the view's position.

    They are sorted by item, then by position. Item i is row i of `digests`. A digest may occur more than once.
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
    standing = StandingClaims(len(ordered), item, registration, claims, disputed)
    return standing if len(rows) == len(digests) else _repeated(standing, positions_of(ordered, digests))


def _repeated(standing: StandingClaims, unique: Ids) -> StandingClaims:
    """Return the standing claims on digests with duplicates. Digest j is the item `unique[j]` of `standing`."""
    first = np.searchsorted(standing.item, unique, "left")
    count = np.searchsorted(standing.item, unique, "right") - first
    item = np.repeat(np.arange(len(unique)), count)
    rows = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    claims = standing.claims
    repeated = ClaimColumns(
        claims.stands[rows], claims.origin[rows], claims.generation[rows], claims.lower_bound[rows],
        claims.disputed[rows],
    )  # fmt: skip
    return StandingClaims(len(unique), item, standing.registration[rows], repeated, standing.disputed[rows])


def _withdrawn(session: Session, view: View, ordered: Digests, row: Ids, registration: Ids) -> Flags:
    """Return which claims were withdrawn by a partial withdrawal. Claim i is on row `row[i]` of `ordered`."""
    if not view.catalog.partial_withdrawals:
        return np.zeros(len(row), dtype=np.bool_)
    withdrawn_row, withdrawn_registration, position = columns_by_digest(session, tables.withdrawn_items, ordered)
    effective = position <= view.position
    return _pairs_among(row, registration, withdrawn_row[effective], withdrawn_registration[effective])


def _disputed(session: Session, view: View, ordered: Digests, row: Ids, registration: Ids) -> Flags:
    """Return which claims are disputed by a standing dispute of single items.

    Claim i is on row `row[i]` of `ordered`.
    """
    standing = [position for position, dispute in view.standing_disputes.items() if not dispute.whole]
    if not standing:
        return np.zeros(len(row), dtype=np.bool_)
    disputed_row, dispute, disputed_registration = columns_by_digest(session, tables.disputed_items, ordered)
    effective = np.isin(dispute, standing)
    return _pairs_among(row, registration, disputed_row[effective], disputed_registration[effective])


def _pairs_among(row: Ids, registration: Ids, other_row: Ids, other_registration: Ids) -> Flags:
    """Return which pairs (row, registration) are among the pairs (other_row, other_registration)."""
    pairs, others = np.column_stack([row, registration]), np.column_stack([other_row, other_registration])
    _, number = np.unique(np.concatenate([pairs, others]), axis=0, return_inverse=True)
    return np.isin(number[: len(pairs)], number[len(pairs) :])
