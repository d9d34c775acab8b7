"""Registrations in the database: the statement, its claims, its blocks, and the overlaps that it makes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import LargeBinary, func, insert, select
from sqlalchemy.orm import Session

from firsthand.core.digests import Digests, as_strings, to_bytes
from firsthand.core.verdicts import ORIGINS
from firsthand.schemas.registrations import NewRegistration
from service.claims.catalog import Catalog, Ids, View
from service.errors import Forbidden, NotFound, Unprocessable
from service.log import store as log
from service.log.rules import Speaker, canonical_time
from service.registrations.rules import Items, check_generation, statement
from service.storage import tables
from service.storage.engine import Database, columns_by_digest, insert_claims, insert_new, next_registration, now


class Added(NamedTuple):
    """A registration that was just written."""

    position: int
    new: int
    known: int


def register(
    session: Session, catalog: Catalog, speaker: Speaker, dataset: str, said: NewRegistration, items: Items
) -> Added:
    """Write a registration whole: claims, blocks, overlaps, statement. Nothing of it is seen before the commit."""
    view = catalog.view(session)
    target, model = _dataset(session, speaker, dataset), model_of(session, view, said)
    collected = None if said.collected_at is None else int(said.collected_at.timestamp())
    body = statement(said, dataset, target.profile, items, collected)
    id_ = next_registration(session)
    neighbours = Neighbours(session, catalog, items.digests, id_)  # before its own claims would be found too
    insert_claims(session, items.digests, id_)
    _insert_blocks(session, id_, items)
    log.lock(session)
    at = now()  # under the lock: the times of the log never go back
    overlapping = neighbours.overlapping(neighbours.look_again(), ORIGINS.index(said.origin), model)
    insert_new(session, tables.overlaps, {"digest": overlapping})
    place = log.append(session, "registration", speaker, body, at)
    session.execute(
        insert(tables.registrations).values(
            id=id_,
            position=place,
            organization=speaker.id,
            dataset=target.id,
            origin=ORIGINS.index(said.origin),
            model=model,
            evidence=said.evidence,
            collected_at=collected,
            registered_at=at,
            items=len(items.digests),
            root=items.root,
            has_size=items.size is not None,
            has_confidence=items.confidence is not None,
            block=id_,
            start=0,
        )
    )
    known = len(neighbours.known())
    return Added(place, len(items.digests) - known, known)


def _dataset(session: Session, speaker: Speaker, name: str) -> Any:
    return own_dataset(session.execute(select(tables.datasets).filter_by(name=name)).one_or_none(), speaker, name)


def own_dataset(row: Any | None, speaker: Speaker, name: str) -> Any:
    """The row of a dataset, which is the speaker's. Raises NotFound or Forbidden."""
    if row is None:
        raise NotFound(f"There is no dataset {name}; `firsthand dataset create {name}` registers it.")
    if row.organization != speaker.id:
        raise Forbidden(f"The dataset {name} is not one of {speaker.name}.")
    return row


def model_of(session: Session, view: View, said: NewRegistration) -> int | None:
    """The id of the model that a registration names. Raises Unprocessable where it cannot have made these items."""
    if said.model is None:
        return None
    id_ = view.named("models", said.model)
    if id_ is None:
        raise Unprocessable.at("model", f"{said.model} is not registered; `firsthand model create` does")
    check_generation(said.generation, *view.model_generation(id_), said.model)
    served_from = session.scalar(select(tables.models.c.served_from).filter_by(id=id_))
    if served_from is not None and said.collected_at is not None and said.collected_at.timestamp() < served_from:
        served = canonical_time(served_from)
        raise Unprocessable.at("collected_at", f"{said.model} was first served at {served}: this is not its output")
    return id_


def _insert_blocks(session: Session, id_: int, items: Items) -> None:
    rows = [{"registration": id_, "number": n, **block} for n, block in enumerate(items.blocks())]
    session.execute(insert(tables.blocks), rows)


class Neighbours:
    """The claims that other registrations hold on some digests, complete once they were looked at under the head lock.

    The first look is long and takes no lock; the second reads only what was committed since. Without the second, two
    simultaneous writers of the same digests would miss each other.
    """

    def __init__(self, session: Session, catalog: Catalog, digests: Digests, own: int) -> None:
        """`digests` are sorted, `own` is the registration that is none of the others."""
        self._session, self._catalog, self._digests, self._own = session, catalog, digests, own
        self._position = catalog.view(session).position
        # claim i is on the digest in row `_row[i]`, by `_registration[i]`
        row, registration = columns_by_digest(session, tables.claims, digests)
        others = registration != own
        self._row, self._registration = row[others], registration[others]

    def look_again(self) -> View:
        """Under the head lock, and before this transaction writes a statement. Returns the view at the head."""
        view = self._catalog.view(self._session)
        newer = view.since(self._position)
        for id_, digests in digests_of(self._session, view, newer[newer != self._own]):
            common = np.isin(as_strings(self._digests), as_strings(digests))
            self._row = np.concatenate([self._row, np.flatnonzero(common)])
            self._registration = np.concatenate([self._registration, np.full(int(common.sum()), id_)])
        return view

    def known(self) -> list[bytes]:
        """Sorted, the digests that another registration claims too."""
        return to_bytes(self._digests[np.unique(self._row)])

    def overlapping(self, view: View, origin: int, model: int | None) -> list[bytes]:
        """Sorted, those of which one says another origin or model (so: generation), or was ever disputed."""
        ids = self._registration
        said_origin, said_model = (view.registrations[name][ids] for name in ("origin", "model"))
        differs = (said_origin != origin) | (said_model != (model or 0)) | np.isin(ids, view.ever_disputed())
        return to_bytes(self._digests[np.unique(self._row[differs])])


def digests_of(session: Session, view: View, ids: Ids) -> Iterator[tuple[int, Digests]]:
    """The digests of registrations that the view knows, block by block: (registration, `uint8[n, 32]`)."""
    rows, blocks = view.registrations, tables.blocks.c
    sharing: dict[int, list[int]] = {}
    for id_, block in zip(ids.tolist(), rows["block"][ids].tolist(), strict=True):
        sharing.setdefault(block, []).append(id_)
    query = select(blocks.registration, blocks.digests).where(blocks.registration.in_(sharing))
    for block, joined in session.execute(query.order_by(blocks.registration, blocks.number)):
        digests = np.frombuffer(joined, dtype=np.uint8).reshape(-1, 32)
        for id_ in sharing[block]:
            start = int(rows["start"][id_])  # where one has several blocks they are its own, from the first item on
            yield id_, digests[start : start + int(rows["items"][id_])]


def row_at(session: Session, position: int) -> Any:
    """The registration at a position."""
    row = session.execute(select(tables.registrations).filter_by(position=position)).one_or_none()
    if row is None:
        raise NotFound(f"There is no registration at position {position}.")
    return row


def stream(database: Database, row: Any) -> Iterator[bytes]:
    """A registration's digests in order, block by block, each in a short transaction: blocks never change."""
    number = 0
    while True:
        with database.reads() as session:
            own = func.substr(tables.blocks.c.digests, 1 + 32 * row.start, 32 * row.items, type_=LargeBinary)
            block = session.scalar(select(own).filter_by(registration=row.block, number=number))
        if block is None:
            return
        yield block
        number += 1
