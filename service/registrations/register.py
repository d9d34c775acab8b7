"""Write registrations. A single registration is written as a batch of one statement.

All statements of a batch are written in one transaction. The head lock is taken once, and all claims are written
together, sorted by digest. A statement that is refused stores nothing; the others are written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.digests import Digests, as_strings, to_bytes
from firsthand.core.verdicts import ORIGINS, Flags
from firsthand.schemas.registrations import NewRegistration
from service.claims.catalog import Catalog
from service.claims.generations import check_stated_generation
from service.claims.other_claims import OtherClaims
from service.claims.view import View
from service.errors import NotPermitted, Refusal, ResourceNotFound, Unprocessable
from service.log import store as log
from service.log.rules import Issuer, canonical_time
from service.registrations.batches import Draft, Drafts
from service.registrations.rules import collection_time, statement
from service.storage import tables
from service.storage.block_layout import Ids, place
from service.storage.bulk import insert_claims, insert_new, insert_rows, next_registrations
from service.storage.engine import now

#: The maximum number of seconds by which a time of collection may be later than the registry's clock.
_CLOCK_TOLERANCE = 300


class Added(NamedTuple):
    """A new registration: its position, its number of new items, and its number of items that already had a claim."""

    position: int
    new: int
    known: int


class CheckedDraft(NamedTuple):
    """A registration that can be written, with the row of its dataset and the id of its model (0 means no model)."""

    draft: Draft
    dataset: Any
    model: int


def register(session: Session, catalog: Catalog, issuer: Issuer, drafts: Drafts) -> list[Added | Refusal]:
    """Write the accepted registrations. Return, for each draft in order, the new registration or the error.

    Before the commit, other transactions see nothing. Raises Unprocessable if a statement is too large for the log:
    then the caller must roll back the whole transaction.
    """
    view = catalog.view(session)
    accepted = [draft for draft in drafts if isinstance(draft, Draft)]
    names = {draft.dataset for draft in accepted}
    datasets = {
        row.name: row for row in session.execute(select(tables.datasets).where(tables.datasets.c.name.in_(names)))
    }
    # many statements differ only in their items, so each distinct `registration` is checked only once
    models = {new: _model(session, view, issuer, new) for new in {draft.registration for draft in accepted}}
    checked = [draft if isinstance(draft, Refusal) else _checked(draft, issuer, datasets, models) for draft in drafts]
    ready = [draft for draft in checked if isinstance(draft, CheckedDraft)]
    added = iter(_write(session, catalog, issuer, ready) if ready else [])
    return [draft if isinstance(draft, Refusal) else next(added) for draft in checked]


def _model(session: Session, view: View, issuer: Issuer, new: NewRegistration) -> int | Refusal:
    """Return the id of a registration's model, or 0 if it has no model.

    Return a refusal if the model does not exist, or if it cannot be the origin of the items.
    """
    if new.model is None:
        return 0
    if not issuer.reads and not new.model.startswith(f"{issuer.name}/"):
        return NotPermitted(
            f"model: this API key has no scope read, so it can only name models of {issuer.name}. "
            "To register the output of another model, use a key that also has the scope read."
        )
    id_ = view.named("models", new.model)
    if id_ is None:
        return Unprocessable.at(
            "model", f"the model {new.model} is not registered; register it with: firsthand model create {new.model}"
        )
    try:
        check_stated_generation(new.generation, *view.model_generation(id_), new.model)
    except Refusal as refusal:
        return refusal
    served_from = session.scalar(select(tables.models.c.served_from).filter_by(id=id_))
    if served_from is not None and new.collected_at is not None and new.collected_at.timestamp() < served_from:
        return Unprocessable.at(
            "collected_at",
            f"{new.model} was first served at {canonical_time(served_from)}, so items that were collected before "
            "cannot be its output; check collected_at and the model",
        )
    return id_


def _checked(
    draft: Draft, issuer: Issuer, datasets: dict[str, Any], models: dict[NewRegistration, int | Refusal]
) -> CheckedDraft | Refusal:
    if draft.dataset.partition("/")[0] != issuer.name:  # whether it exists or not
        return NotPermitted(
            f"The dataset {draft.dataset} does not belong to {issuer.name}. Use a dataset whose name begins with "
            f"{issuer.name}/."
        )
    dataset = datasets.get(draft.dataset)
    if dataset is None:
        return ResourceNotFound(
            f"There is no dataset {draft.dataset}. Create it with: firsthand dataset create {draft.dataset}"
        )
    model = models[draft.registration]
    collected_at = collection_time(draft.registration)
    if collected_at is not None and collected_at > now() + _CLOCK_TOLERANCE:
        return Unprocessable.at(
            "collected_at",
            f"{canonical_time(collected_at)} is in the future: the registry's clock is at {canonical_time(now())}. "
            "Check the clock of the machine that set this time.",
        )
    return model if isinstance(model, Refusal) else CheckedDraft(draft, dataset, model)


_BLOCK = ("registration", "number", "digests", "size", "confidence")
_REGISTRATION = (
    "id", "position", "organization", "dataset", "origin", "model", "evidence", "collected_at", "registered_at",
    "items", "root", "has_size", "has_confidence", "block", "start",
)  # fmt: skip


def _write(session: Session, catalog: Catalog, issuer: Issuer, ready: Sequence[CheckedDraft]) -> list[Added]:
    """Write claims, blocks, overlaps, statements and registrations, in this order."""
    items = [checked.draft.items for checked in ready]
    kinds = [(checked.draft.registration, checked.draft.dataset) for checked in ready]
    placed = place(kinds, items, next_registrations(session, len(ready)))
    claims = BatchClaims.of([columns.digests for columns in items])
    others = OtherClaims(session, catalog, claims.unique)  # must come before the own claims are written
    insert_claims(session, claims.digests, placed.ids[claims.statement])
    insert_rows(session, tables.blocks, _BLOCK, list(placed.block_rows()))
    bodies = [
        statement(checked.draft.registration, checked.draft.dataset, checked.dataset.profile, checked.draft.items)
        for checked in ready
    ]
    log.lock(session)
    view = others.complete()
    overlapping = claims.overlapping(_own_makers(ready), others, view)
    insert_new(session, tables.overlaps, {"digest": to_bytes(claims.unique[overlapping])})
    first, at = log.extend(session, "registration", issuer, bodies)
    rows = [
        (
            id_, first + number, issuer.id, checked.dataset.id, ORIGINS.index(new.origin), checked.model or None,
            new.evidence, collection_time(new), at, len(columns.digests), columns.root, columns.size is not None,
            columns.confidence is not None, block, start,
        )
        for number, (checked, id_, block, start) in enumerate(
            zip(ready, placed.ids.tolist(), placed.block.tolist(), placed.start.tolist(), strict=True)
        )
        for new, columns in [(checked.draft.registration, checked.draft.items)]
    ]  # fmt: skip
    insert_rows(session, tables.registrations, _REGISTRATION, rows)
    known = claims.known(others)
    return [
        Added(first + number, len(columns.digests) - known[number], known[number])
        for number, columns in enumerate(items)
    ]


@dataclass(frozen=True)
class BatchClaims:
    """The m claims of all n statements of a batch, sorted by digest, then by statement."""

    digests: Digests  # [m, 32]
    statement: Ids  # [m]: the index of the statement
    first: Flags  # [m]: the claim is the first one on its digest
    item: Ids  # [m]: the row of the digest in `unique`
    unique: Digests  # the digests without duplicates

    @staticmethod
    def of(digests_of_statements: Sequence[Digests]) -> "BatchClaims":
        """Return the claims of n statements. The digests of each statement must be sorted and without duplicates."""
        if len(digests_of_statements) == 1:  # a single statement is sorted already
            (digests,) = digests_of_statements
            count = len(digests)
            return BatchClaims(
                digests, np.zeros(count, np.int64), np.ones(count, np.bool_), np.arange(count, dtype=np.int64), digests
            )
        digests = np.concatenate(digests_of_statements)
        statement_of = np.repeat(np.arange(len(digests_of_statements)), [len(part) for part in digests_of_statements])
        order = np.argsort(as_strings(digests), kind="stable")
        digests = digests[order]
        first = np.ones(len(digests), dtype=np.bool_)
        first[1:] = (digests[1:] != digests[:-1]).any(axis=1)
        return BatchClaims(digests, statement_of[order], first, np.cumsum(first) - 1, digests[first])

    def overlapping(self, own_makers: Ids, others: OtherClaims, view: View) -> Flags:
        """Return which digests of `unique` overlap.

        A digest overlaps if its claims have different makers, or if one of its claims was ever disputed. A maker is an
        origin and a model, as one number. The generation depends only on the model. `own_makers` has the maker of each
        statement: `int64[n]`.
        """
        makers = own_makers[self.statement]
        expected = makers[self.first]  # per unique digest
        origin, model = (view.registrations[name][others.registration] for name in ("origin", "model"))
        differs = _maker(origin.astype(np.int64), model) != expected[others.row]
        flags = np.zeros(len(self.unique), dtype=np.bool_)
        flags[self.item[makers != expected[self.item]]] = True
        flags[others.row[differs | np.isin(others.registration, view.ever_disputed())]] = True
        return flags

    def known(self, others: OtherClaims) -> list[int]:
        """Return, for each statement, how many items another registration or an earlier statement claims too."""
        claimed = np.zeros(len(self.unique), dtype=np.bool_)
        claimed[others.row] = True
        known = self.statement[claimed[self.item] | ~self.first]
        counts: list[int] = np.bincount(known, minlength=int(self.statement.max()) + 1).tolist()
        return counts


def _own_makers(ready: Sequence[CheckedDraft]) -> Ids:
    """Return the maker of each statement: `int64[n]`."""
    return np.array(
        [_maker(ORIGINS.index(checked.draft.registration.origin), checked.model) for checked in ready], dtype=np.int64
    )


def _maker(origin: int | Ids, model: int | npt.NDArray[np.integer]) -> Any:
    """Return the maker: the code of the origin and the id of the model (0: no model) as one number."""
    return (origin << 32) | model
