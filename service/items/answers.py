"""Verdicts and claims → what the wire says of them."""

from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from firsthand.digests import Digests, to_bytes, to_text
from firsthand.schemas.items import Claim, Item, Lookups
from firsthand.verdicts import IS_MODEL, NO_GENERATION, VERDICTS, PolicyName
from service.catalog import NO_TIME, View
from service.items import store
from service.log.rules import moment


def lookups(session: Session, view: View, digests: Digests, policy: PolicyName) -> Lookups:
    """The verdicts on digests, in order, as columns."""
    found = store.evidence(session, view, to_bytes(digests))
    verdicts = found.judge(policy)
    names = [VERDICTS[code] for code in verdicts.verdict.tolist()]
    generations = [None if g == NO_GENERATION else g for g in verdicts.generation.tolist()]
    models = [
        name if code == IS_MODEL else None for code, name in zip(verdicts.verdict, _models(view, found), strict=True)
    ]
    return Lookups(
        position=view.position,
        policy=policy,
        verdicts=names,
        generations=generations,
        lower_bounds=verdicts.lower_bound.tolist(),
        models=models,
    )


def _models(view: View, found: store.Evidence) -> list[str | None]:
    """The model of each item, where all its model claims name the same one."""
    model = view.registrations["model"][found.registration].astype(np.int64)
    by_model = model > 0
    lowest = np.full(found.items, np.iinfo(np.int64).max)
    highest = np.zeros(found.items, dtype=np.int64)
    np.minimum.at(lowest, found.item[by_model], model[by_model])
    np.maximum.at(highest, found.item[by_model], model[by_model])
    return [
        view.catalog.models[high].name if low == high else None
        for low, high in zip(lowest.tolist(), highest.tolist(), strict=True)
    ]


def item(session: Session, view: View, digest: bytes, policy: PolicyName) -> Item:
    """All that is known of one item: the verdict, and every claim, withdrawn ones too."""
    verdicts = store.evidence(session, view, [digest]).judge(policy)
    claims = store.all_claims(session, view, digest)
    names = store.evidence_names(session, [id_ for id_, _, _ in claims])
    generation = int(verdicts.generation[0])
    return Item(
        digest=to_text(digest),
        position=view.position,
        policy=policy,
        verdict=VERDICTS[verdicts.verdict[0]],
        generation=None if generation == NO_GENERATION else generation,
        lower_bound=bool(verdicts.lower_bound[0]),
        claims=[_claim(view, *claim, evidence=names[claim[0]]) for claim in claims],
    )


def _claim(view: View, id_: int, withdrawn: int | None, disputes: list[int], evidence: Any) -> Claim:
    row = view.registrations[id_]
    origin, model, generation, lower_bound = view.origin_of(id_)
    return Claim(
        registration=int(row["position"]),
        organization=view.catalog.organizations[int(row["organization"])].name,
        dataset=view.catalog.datasets[int(row["dataset"])].name,
        origin=origin,
        model=None if model is None else view.catalog.models[model].name,
        generation=generation,
        lower_bound=lower_bound,
        evidence=evidence,
        collected_at=None if row["collected_at"] == NO_TIME else moment(int(row["collected_at"])),
        registered_at=moment(int(row["registered_at"])),
        withdrawn=withdrawn,
        disputes=disputes,
    )
