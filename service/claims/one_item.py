"""All claims on one item.

This needs one query. If withdrawals or disputes of single items exist in this registry, it needs two more.
"""

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from firsthand.core import verdicts
from firsthand.core.verdicts import NO_GENERATION, ORIGINS, VERDICTS, Origin, PolicyName
from service.claims.catalog import Catalog
from service.claims.view import View
from service.storage import tables
from service.storage.bulk import rows_by_digest
from service.storage.engine import Database

#: The parts of a claim that a verdict depends on: (origin, generation, whether the generation is a lower bound, whether
#: the claim is disputed).
ClaimSummary: TypeAlias = tuple[Origin, int | None, bool, bool]


class ItemClaim(NamedTuple):
    """The claim of one registration on the item. `registration` and `model` are ids.

    `generation` follows from the model. `withdrawn` is the position of the withdrawal of the claim, if there is one.
    `disputes` has the positions of the standing disputes of the claim.
    """

    registration: int
    withdrawn: int | None
    disputes: list[int]
    origin: Origin
    model: int | None
    generation: int | None
    lower_bound: bool


def claims(database: Database, catalog: Catalog, digest: bytes, as_of: int | None) -> tuple[View, list[ItemClaim]]:
    """Return (the view at the position `as_of`, all claims on the digest up to this position).

    The claims are in the order of positions and include withdrawn claims.
    """
    rows = database.ask("SELECT position, registration FROM head LEFT JOIN claims ON digest = ?", [digest])
    head, ids = rows[0][0], [id_ for _, id_ in rows if id_ is not None]
    if head > catalog.position:
        with database.reads() as session:
            catalog.catch_up(session, head)
    view = catalog.at(head, as_of)
    withdrawn, disputed = _withdrawn(database, view, digest), _disputed(database, view, digest)
    known = sorted((id_ for id_ in ids if view.has(id_)), key=lambda id_: int(view.registrations["position"][id_]))
    return view, [_claim(view, id_, withdrawn, disputed) for id_ in known]


def _withdrawn(database: Database, view: View, digest: bytes) -> dict[int, int]:
    """Return the partial withdrawals of the digest, as {id of the registration: position of the withdrawal}."""
    if not view.catalog.partial_withdrawals:
        return {}
    with database.reads() as session:
        return {id_: position for _, id_, position in rows_by_digest(session, tables.withdrawn_items, [digest])}


def _disputed(database: Database, view: View, digest: bytes) -> set[tuple[int, int]]:
    """Return the disputes of the item, as pairs (position of the dispute, id of the registration)."""
    if all(dispute.whole for dispute in view.standing_disputes.values()):
        return set()
    with database.reads() as session:
        return {(position, id_) for _, position, id_ in rows_by_digest(session, tables.disputed_items, [digest])}


def _claim(view: View, id_: int, withdrawn: dict[int, int], disputed: set[tuple[int, int]]) -> ItemClaim:
    withdrawal = min(int(view.registrations["withdrawn"][id_]), withdrawn.get(id_, view.position + 1))
    disputes = [
        position
        for position, dispute in view.standing_disputes.items()
        if dispute.registration == id_ and (dispute.whole or (position, id_) in disputed)
    ]
    return ItemClaim(id_, withdrawal if withdrawal <= view.position else None, disputes, *view.origin_of(id_))


class OneItemVerdict(NamedTuple):
    """The verdict on one item. The generation is NO_GENERATION if there is none."""

    verdict: verdicts.Verdict
    generation: int
    lower_bound: bool


def verdict(claims: list[ItemClaim], policy: PolicyName) -> OneItemVerdict:
    """Return the verdict from all claims that are not withdrawn."""
    standing = (
        (claim.origin, claim.generation, claim.lower_bound, bool(claim.disputes))
        for claim in claims
        if claim.withdrawn is None
    )
    return _judged(frozenset(standing), policy)


@lru_cache(4096)
def _judged(summaries: frozenset[ClaimSummary], policy: PolicyName) -> OneItemVerdict:
    """Return the verdict by the functions of `firsthand.core.verdicts`, which are made for many items.

    They are slow for a single item, so results are cached: most items have one of a few sets of claims.
    """
    standing = list(summaries)
    tally = verdicts.tally(
        1,
        np.zeros(len(standing), dtype=np.intp),
        np.array([ORIGINS.index(origin) for origin, *_ in standing], dtype=np.uint8),
        np.array([NO_GENERATION if generation is None else generation for _, generation, *_ in standing], np.int16),
        np.array([bound for *_, bound, _ in standing], dtype=np.bool_),
        np.array([disputed for *_, disputed in standing], dtype=np.bool_),
    )
    judged = verdicts.judge(tally, policy)
    return OneItemVerdict(VERDICTS[judged.verdict[0]], int(judged.generation[0]), bool(judged.lower_bound[0]))
