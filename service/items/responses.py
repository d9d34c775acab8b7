"""Verdicts and claims → what the wire says of them."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.orm import Session

from firsthand.core import verdicts
from firsthand.core.digests import Digests, to_text
from firsthand.core.media_types import JSON
from firsthand.core.verdicts import IS_MODEL, NO_GENERATION, VERDICTS, Flags, PolicyName, Verdicts
from firsthand.schemas.items import Claim, Item, LookupQuery
from service.claims import one_item, standing
from service.claims.catalog import EVIDENCE, NO_TIME, Catalog, Ids, View
from service.http import content_negotiation
from service.log.rules import moment
from service.storage.engine import Database


@dataclass(frozen=True)
class Answered:
    """The verdicts on n digests, in order, at the view's position. Arrays are `[n]`."""

    view: View
    policy: PolicyName
    verdicts: Verdicts
    contested: Flags
    model: npt.NDArray[np.int32]  # its id, 0 for none

    def written(self, media: str) -> bytes:
        """The answer in one of the forms of the wire."""
        if media == JSON:
            return self.json()
        batch = self._batch()
        return b"".join(content_negotiation.written(media, batch.schema, [batch]))

    def json(self) -> bytes:
        """Columns as `schemas.items.Lookups` has them. Looked up in tables: no work an item beyond its words."""
        names, place = self._models()
        return msgspec.json.encode(
            {
                "position": self.view.position,
                "policy": self.policy,
                "verdicts": _VERDICTS[self.verdicts.verdict].tolist(),
                "generations": _GENERATIONS.take(self.verdicts.generation, mode="wrap").tolist(),
                "lower_bounds": self.verdicts.lower_bound.tolist(),
                "models": np.array([*names, None], dtype=object)[place].tolist(),
                "contested": self.contested.tolist(),
            }
        )

    def _batch(self) -> Any:
        """The same as a record batch; words are places in a dictionary."""
        names, place = self._models()
        model = pa.array(place, mask=place == _NO_MODEL)
        columns = {
            "verdict": content_negotiation.verdicts(self.verdicts.verdict),
            "generation": content_negotiation.generations(self.verdicts.generation),
            "lower_bound": pa.array(self.verdicts.lower_bound),
            "model": pa.DictionaryArray.from_arrays(model, pa.array(names, pa.string())),
            "contested": pa.array(self.contested),
        }
        said = {"position": str(self.view.position), "policy": self.policy}
        return pa.record_batch(columns, metadata=said)

    def _models(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        """The names of the models that are named, and the place in them of each item's; by a table, without sorting."""
        ids = np.flatnonzero(np.bincount(self.model))
        ids = ids[ids > 0]
        places = np.full(int(self.model.max(initial=0)) + 1, _NO_MODEL, dtype=np.int32)
        places[ids] = np.arange(len(ids))
        return [self.view.catalog.models[id_].name for id_ in ids.tolist()], places[self.model]


#: The place of what has no model: the last one, that of None.
_NO_MODEL = -1
_VERDICTS = np.array(VERDICTS, dtype=object)
#: By generation; the last place is that of NO_GENERATION.
_GENERATIONS = np.array([*range(2**15), None], dtype=object)


def lookups(session: Session, view: View, digests: Digests, policy: PolicyName) -> Answered:
    """The verdicts on digests, in order, as columns."""
    found = standing.evidence(session, view, digests)
    tally = found.tally()
    judged = verdicts.judge(tally, policy)
    model = np.where(judged.verdict == IS_MODEL, _models(view, found), 0)
    return Answered(view, policy, judged, verdicts.contested(tally), model.astype(np.int32))


def _models(view: View, found: standing.Evidence) -> Ids:
    """The model of each item by its id, where all its model claims name the same one; 0 else."""
    model = view.registrations["model"][found.registration].astype(np.int64)
    by_model = model > 0
    lowest = np.full(found.items, np.iinfo(np.int64).max)
    highest = np.zeros(found.items, dtype=np.int64)
    np.minimum.at(lowest, found.item[by_model], model[by_model])
    np.maximum.at(highest, found.item[by_model], model[by_model])
    return np.where(lowest == highest, highest, 0)


def item(database: Database, catalog: Catalog, digest: bytes, question: LookupQuery) -> Item:
    """All that is known of one item: the verdict, and every claim, withdrawn ones too."""
    view, claims = one_item.claims(database, catalog, digest, question.as_of)
    judged = one_item.verdict(claims, question.policy)
    return Item(
        digest=to_text(digest),
        position=view.position,
        policy=question.policy,
        verdict=judged.verdict,
        generation=None if judged.generation == NO_GENERATION else judged.generation,
        lower_bound=judged.lower_bound,
        claims=[_claim(view, claim) for claim in claims],
    )


def _claim(view: View, claim: one_item.Claim) -> Claim:
    row = {name: column[claim.registration] for name, column in view.registrations.items()}
    return Claim(
        registration=int(row["position"]),
        organization=view.catalog.organizations[int(row["organization"])].name,
        dataset=view.catalog.datasets[int(row["dataset"])].name,
        origin=claim.origin,
        model=None if claim.model is None else view.catalog.models[claim.model].name,
        generation=claim.generation,
        lower_bound=claim.lower_bound,
        evidence=EVIDENCE[row["evidence"]],
        collected_at=None if row["collected_at"] == NO_TIME else moment(int(row["collected_at"])),
        registered_at=moment(int(row["registered_at"])),
        withdrawn=claim.withdrawn,
        disputes=claim.disputes,
    )
