"""All that is known of one item: one query, and others only where items were ever withdrawn or disputed by name."""

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from firsthand.core import verdicts
from firsthand.core.verdicts import NO_GENERATION, ORIGINS, VERDICTS, Origin, PolicyName
from service.claims.catalog import Catalog, View
from service.storage import tables
from service.storage.engine import Database, rows_by_digest

#: Of a claim, what a verdict follows from: origin, generation, whether that is a lower bound, whether it is disputed.
Said: TypeAlias = tuple[Origin, int | None, bool, bool]


class Claim(NamedTuple):
    """One registration (its id) about the item, with the generation that follows, and what was said against it."""

    registration: int
    withdrawn: int | None
    disputes: list[int]
    origin: Origin
    model: int | None
    generation: int | None
    lower_bound: bool


def claims(database: Database, catalog: Catalog, digest: bytes, as_of: int | None) -> tuple[View, list[Claim]]:
    """The view at the position, and every claim on the digest up to it, withdrawn ones too, by position."""
    head, ids = _at_head(database, digest)
    if head > catalog.position:
        with database.reads() as session:
            catalog.catch_up(session, head)
    view = catalog.at(head, as_of)
    gone, named = _withdrawn(database, view, digest), _disputed(database, view, digest)
    known = sorted((i for i in ids if view.has(i)), key=lambda i: int(view.registrations["position"][i]))
    return view, [_claim(view, id_, gone, named) for id_ in known]


def _at_head(database: Database, digest: bytes) -> tuple[int, list[int]]:
    """The position of the newest statement, and the ids of the registrations that claim the digest."""
    found = database.ask("SELECT position, registration FROM head LEFT JOIN claims ON digest = ?", [digest])
    return found[0][0], [id_ for _, id_ in found if id_ is not None]


def _withdrawn(database: Database, view: View, digest: bytes) -> dict[int, int]:
    """Where a partial withdrawal took the claim of a registration back."""
    if not view.catalog.partial_withdrawals:
        return {}
    with database.reads() as session:
        return {id_: at for _, id_, at in rows_by_digest(session, tables.withdrawn_items, [digest])}


def _disputed(database: Database, view: View, digest: bytes) -> set[tuple[int, int]]:
    """(dispute, registration) of the disputes that name the item."""
    if all(dispute.whole for dispute in view.standing_disputes.values()):
        return set()
    with database.reads() as session:
        return {(at, id_) for _, at, id_ in rows_by_digest(session, tables.disputed_items, [digest])}


def _claim(view: View, id_: int, gone: dict[int, int], named: set[tuple[int, int]]) -> Claim:
    withdrawn = min(int(view.registrations["withdrawn"][id_]), gone.get(id_, view.position + 1))
    disputes = [
        at
        for at, dispute in view.standing_disputes.items()
        if dispute.registration == id_ and (dispute.whole or (at, id_) in named)
    ]
    return Claim(id_, withdrawn if withdrawn <= view.position else None, disputes, *view.origin_of(id_))


class Verdict(NamedTuple):
    """The verdict on one item; NO_GENERATION where there is none to tell."""

    verdict: verdicts.Verdict
    generation: int
    lower_bound: bool


def verdict(claims: list[Claim], policy: PolicyName) -> Verdict:
    """What those that stand amount to."""
    said = ((c.origin, c.generation, c.lower_bound, bool(c.disputes)) for c in claims if c.withdrawn is None)
    return _judged(frozenset(said), policy)


@lru_cache(4096)
def _judged(said: frozenset[Said], policy: PolicyName) -> Verdict:
    """By the rules for columns, which are slow for one item; few different things are ever said of one."""
    standing = list(said)
    tally = verdicts.tally(
        1,
        np.zeros(len(standing), dtype=np.intp),
        np.array([ORIGINS.index(origin) for origin, *_ in standing], dtype=np.uint8),
        np.array([NO_GENERATION if generation is None else generation for _, generation, *_ in standing], np.int16),
        np.array([bound for *_, bound, _ in standing], dtype=np.bool_),
        np.array([disputed for *_, disputed in standing], dtype=np.bool_),
    )
    judged = verdicts.judge(tally, policy)
    return Verdict(VERDICTS[judged.verdict[0]], int(judged.generation[0]), bool(judged.lower_bound[0]))
