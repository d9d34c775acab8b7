"""Many registrations in one transaction: the head lock taken once, and one sorted COPY of all their claims."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from firsthand.core.digests import Digests, as_strings, sort_unique, stack, to_bytes
from firsthand.core.verdicts import ORIGINS
from firsthand.schemas.registrations import NewRegistration
from service.claims.catalog import Catalog, Flags, Ids, View
from service.errors import Refusal
from service.log import store as log
from service.log.rules import Speaker
from service.registrations.batches import Draft, Drafts
from service.registrations.rules import statement
from service.registrations.store import Added, digests_of, model_of, own_dataset
from service.storage import block_packing, tables
from service.storage.engine import insert_claims, insert_new, insert_rows, next_registrations, now, rows_by_digest

Outcomes: TypeAlias = "list[Added | Refusal]"


class Ready(NamedTuple):
    """A statement that nothing is wrong with: its draft, the row of its dataset, the id of its model (0: none)."""

    draft: Draft
    dataset: Any
    model: int


def register(session: Session, catalog: Catalog, speaker: Speaker, drafts: Drafts) -> Outcomes:
    """Write those that can be; each of the others is answered by its refusal, and nothing of it is stored."""
    view = catalog.view(session)
    datasets = _datasets(session, {draft.dataset for draft in drafts if isinstance(draft, Draft)})
    # the statements of a batch say much the same: a model is looked at once for each thing that is said
    models = {said: _model(session, view, said) for said in {d.said for d in drafts if isinstance(d, Draft)}}
    checked = [_checked(speaker, datasets, models, draft) for draft in drafts]
    ready = [each for each in checked if isinstance(each, Ready)]
    added = iter(_write(session, catalog, speaker, ready) if ready else [])
    return [each if isinstance(each, Refusal) else next(added) for each in checked]


def _datasets(session: Session, names: set[str]) -> dict[str, Any]:
    query = select(tables.datasets).where(tables.datasets.c.name.in_(names))
    return {row.name: row for row in session.execute(query)}


def _model(session: Session, view: View, said: NewRegistration) -> int | Refusal:
    try:
        return model_of(session, view, said) or 0
    except Refusal as refusal:
        return refusal


def _checked(
    speaker: Speaker, datasets: dict[str, Any], models: dict[NewRegistration, int | Refusal], draft: Draft | Refusal
) -> Ready | Refusal:
    if isinstance(draft, Refusal):
        return draft
    model = models[draft.said]
    if isinstance(model, Refusal):
        return model
    try:
        return Ready(draft, own_dataset(datasets.get(draft.dataset), speaker, draft.dataset), model)
    except Refusal as refusal:
        return refusal


def _write(session: Session, catalog: Catalog, speaker: Speaker, ready: Sequence[Ready]) -> list[Added]:
    placed = block_packing.place(
        [each.draft for each in ready], np.array(next_registrations(session, len(ready)), dtype=np.int64)
    )
    ids, claims = placed.ids, Claims.of(ready)
    insert_claims(session, claims.digests, ids[claims.statement])
    insert_rows(session, tables.blocks, _BLOCK, list(placed.blocks()))
    neighbours = Neighbours(session, catalog, claims.digests, ids)
    bodies = [_body(each) for each in ready]
    log.lock(session)
    at = now()  # under the lock: the times of the log never go back
    met = Meeting(claims, *neighbours.look_again(), ready)
    insert_new(session, tables.overlaps, {"digest": met.overlapping()})
    first = log.extend(session, "registration", speaker, bodies, at)
    rows = [
        (id_, first + n, speaker.id, *_columns(each), at, block, start)
        for n, (each, id_, block, start) in enumerate(zip(ready, *placed.columns(), strict=True))
    ]
    insert_rows(session, tables.registrations, _REGISTRATION, rows)
    known = met.known()
    return [Added(first + n, len(each.draft.items.digests) - known[n], known[n]) for n, each in enumerate(ready)]


_BLOCK = ("registration", "number", "digests", "size", "confidence")
_REGISTRATION = (
    "id", "position", "organization", "dataset", "origin", "model", "evidence", "collected_at", "items", "root",
    "has_size", "has_confidence", "registered_at", "block", "start",
)  # fmt: skip


def _body(each: Ready) -> dict[str, Any]:
    said, items = each.draft.said, each.draft.items
    return statement(said, each.draft.dataset, each.dataset.profile, items, _collected(said))


def _collected(said: NewRegistration) -> int | None:
    return None if said.collected_at is None else int(said.collected_at.timestamp())


def _columns(each: Ready) -> tuple[Any, ...]:
    """dataset … has_confidence of `_REGISTRATION`."""
    said, items = each.draft.said, each.draft.items
    origin = ORIGINS.index(said.origin)
    what = each.dataset.id, origin, each.model or None, said.evidence, _collected(said), len(items.digests)
    return *what, items.root, items.size is not None, items.confidence is not None


@dataclass(frozen=True)
class Claims:
    """The claims of all statements together, sorted by digest, then statement: `uint8[m, 32]` and `int64[m]`."""

    digests: Digests
    statement: Ids

    @staticmethod
    def of(ready: Sequence[Ready]) -> "Claims":
        digests = np.concatenate([each.draft.items.digests for each in ready])
        statement = np.repeat(np.arange(len(ready)), [len(each.draft.items.digests) for each in ready])
        order = np.argsort(as_strings(digests), kind="stable")
        return Claims(digests[order], statement[order])


class Neighbours:
    """The claims of others on some digests, complete once looked at again under the head lock (see `store`)."""

    def __init__(self, session: Session, catalog: Catalog, digests: Digests, own: Ids) -> None:
        self._session, self._catalog, self._own = session, catalog, set(own.tolist())
        self._digests = to_bytes(sort_unique(digests)[0])
        self._position = catalog.view(session).position
        found = rows_by_digest(session, tables.claims, self._digests)
        self._pairs = [pair for pair in found if pair[1] not in self._own]

    def look_again(self) -> tuple[View, Digests, Ids]:
        """Under the head lock: the view at the head, and claim i of others, on `digests[i]` by `registration[i]`."""
        view = self._catalog.view(self._session)
        newer = np.array([id_ for id_ in view.since(self._position) if id_ not in self._own], dtype=np.int64)
        wanted = set(self._digests) if len(newer) else set()
        for id_, digests in digests_of(self._session, view, newer):
            self._pairs += [(digest, id_) for digest in to_bytes(digests) if digest in wanted]
        digests = stack([digest for digest, _ in self._pairs])
        return view, digests, np.array([id_ for _, id_ in self._pairs], dtype=np.int64)


class Meeting:
    """The claims of a batch beside those of others on the same digests.

    A statement meets the earlier ones of its own batch as it meets those of others.
    """

    def __init__(self, claims: Claims, view: View, digests: Digests, registration: Ids, ready: Sequence[Ready]) -> None:
        self._claims = claims
        strings = as_strings(np.concatenate([claims.digests, digests]))
        _, self._first, self._item = np.unique(strings, return_index=True, return_inverse=True)
        rows = view.registrations
        own = np.array([_says(ORIGINS.index(r.draft.said.origin), r.model) for r in ready], dtype=np.int64)
        others = _says(rows["origin"][registration].astype(np.int64), rows["model"][registration])
        self._says = np.concatenate([own[claims.statement], others])
        self._disputed = np.isin(registration, view.ever_disputed())

    def overlapping(self) -> list[bytes]:
        """Sorted, the digests on which not all say the same origin and model, or of which one was ever disputed."""
        differs: Flags = np.zeros(len(self._first), dtype=np.bool_)
        differs[self._item[self._says != self._says[self._first[self._item]]]] = True
        differs[self._item[len(self._claims.digests) :][self._disputed]] = True
        return to_bytes(self._claims.digests[self._first[differs]])

    def known(self) -> list[int]:
        """Of each statement, the items that another's claim or an earlier statement of the batch names."""
        own = len(self._claims.digests)
        known: Flags = np.zeros(len(self._first), dtype=np.bool_)
        known[self._item[own:]] = True
        item = self._item[:own]
        again = known[item] | (np.arange(own) != self._first[item])  # sorted: the first of an item is the earliest
        statements = self._claims.statement
        return [int(n) for n in np.bincount(statements[again], minlength=int(statements.max()) + 1)]


def _says(origin: Any, model: Any) -> Any:
    """Origin and model as one number; the generation follows from them."""
    return (origin << 32) | model
