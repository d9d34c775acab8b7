"""The claims of other registrations on some digests. A new registration or dispute needs them to find overlaps."""

import numpy as np
from sqlalchemy.orm import Session

from firsthand.core.digests import Digests, as_strings
from service.claims.catalog import Catalog
from service.claims.view import View
from service.storage import tables
from service.storage.block_layout import Ids
from service.storage.blocks import registration_digests
from service.storage.bulk import columns_by_digest


class OtherClaims:
    """The claims of other registrations on some digests.

    They are read in two steps. The constructor reads most of them. This takes long and needs no lock. `complete` is
    called under the head lock and adds the claims that were committed after the first step. Without the second step,
    two simultaneous writers of the same digests would not find each other's claims.

    Claim i is on the digest in row `row[i]` and belongs to the registration `registration[i]`. Both are `int64[m]`, in
    no order. A claim may occur twice.
    """

    row: Ids
    registration: Ids

    def __init__(self, session: Session, catalog: Catalog, digests: Digests, own: int | None = None) -> None:
        """Read the claims on `digests`, `uint8[n, 32]`, which must be sorted and without duplicates.

        Claims of the registration with the id `own` are ignored. For a new registration, call this before its own
        claims are written.
        """
        self._session, self._catalog, self._digests, self._own = session, catalog, digests, own
        self._position = catalog.view(session).position
        row, registration = columns_by_digest(session, tables.claims, digests)
        others = registration != own if own is not None else slice(None)
        self.row, self.registration = row[others], registration[others]

    def complete(self) -> View:
        """Add the claims that were committed since the first step, and return the view at the head.

        Call it under the head lock, before this transaction writes a statement.
        """
        view = self._catalog.view(self._session)
        newer = view.since(self._position)
        if self._own is not None:
            newer = newer[newer != self._own]
        if len(newer) and len(self._digests):
            ordered = as_strings(self._digests)
            rows, registrations = [self.row], [self.registration]
            for id_, digests in registration_digests(self._session, view.registrations, newer):
                nearest = np.searchsorted(ordered, as_strings(digests)).clip(max=len(ordered) - 1)
                row = nearest[(self._digests[nearest] == digests).all(axis=1)]
                rows.append(row)
                registrations.append(np.full(len(row), id_))
            self.row, self.registration = np.concatenate(rows), np.concatenate(registrations)
        return view
