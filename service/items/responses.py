"""The answers about items: verdicts on many items, and all data about one item."""

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
from service.claims import one_item
from service.claims.catalog import Catalog
from service.claims.standing import StandingClaims, standing_claims
from service.claims.view import EVIDENCE, NO_TIME, View
from service.http import content_negotiation
from service.log.rules import moment
from service.storage.block_layout import Ids
from service.storage.engine import Database

#: The index of an item without a model in the table of names: the last element, whose name is None.
_NO_MODEL = -1
_VERDICTS = np.array(VERDICTS, dtype=object)
#: The JSON value of each generation. The last element, null, is the value of NO_GENERATION.
_GENERATIONS = np.array([*range(2**15), None], dtype=object)


@dataclass(frozen=True)
class LookupVerdicts:
    """The verdicts on n digests at the view's position, in the order of the digests. Arrays are `[n]`."""

    view: View
    policy: PolicyName
    verdicts: Verdicts
    contested: Flags
    model: npt.NDArray[np.int32]  # the id of the model; 0: no model

    def written(self, media: str) -> bytes:
        """Return the body of the answer, in the format with the media type `media`."""
        if media == JSON:
            return self._json()
        batch = self._record_batch()
        return b"".join(content_negotiation.written(media, batch.schema, [batch]))

    def _json(self) -> bytes:
        """Return the columns of `schemas.items.Lookups` as JSON. Tables map all items at once, without a loop."""
        names, model = self._models()
        return msgspec.json.encode(
            {
                "position": self.view.position,
                "policy": self.policy,
                "verdicts": _VERDICTS[self.verdicts.verdict].tolist(),
                "generations": _GENERATIONS.take(self.verdicts.generation, mode="wrap").tolist(),
                "lower_bounds": self.verdicts.lower_bound.tolist(),
                "models": np.array([*names, None], dtype=object)[model].tolist(),
                "contested": self.contested.tolist(),
            }
        )

    def _record_batch(self) -> Any:
        """Return the same columns as a record batch. Texts are indices into a dictionary."""
        names, model = self._models()
        indices = pa.array(model, mask=model == _NO_MODEL)
        columns = {
            "verdict": content_negotiation.verdict_column(self.verdicts.verdict),
            "generation": content_negotiation.generation_column(self.verdicts.generation),
            "lower_bound": pa.array(self.verdicts.lower_bound),
            "model": pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())),
            "contested": pa.array(self.contested),
        }
        metadata = {"position": str(self.view.position), "policy": self.policy}
        return pa.record_batch(columns, metadata=metadata)

    def _models(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        """Return (the names of the models that occur, the index of each item's model among these names).

        A table of ids is used here, because it needs no sorting.
        """
        ids = np.flatnonzero(np.bincount(self.model))
        ids = ids[ids > 0]
        index_of = np.full(int(self.model.max(initial=0)) + 1, _NO_MODEL, dtype=np.int32)
        index_of[ids] = np.arange(len(ids))
        return [self.view.catalog.models[id_].name for id_ in ids.tolist()], index_of[self.model]


def lookups(session: Session, view: View, digests: Digests, policy: PolicyName) -> LookupVerdicts:
    """Return the verdicts on `digests`, `uint8[n, 32]`, in the same order."""
    standing = standing_claims(session, view, digests)
    tally = standing.tally()
    judged = verdicts.judge(tally, policy)
    model = np.where(judged.verdict == IS_MODEL, _model_of_items(view, standing), 0)
    return LookupVerdicts(view, policy, judged, verdicts.contested(tally), model.astype(np.int32))


def _model_of_items(view: View, standing: StandingClaims) -> Ids:
    """Return the id of each item's model. It is 0 if no claim has a model, or if the claims have different models."""
    model = view.registrations["model"][standing.registration].astype(np.int64)
    has_model = model > 0
    lowest = np.full(standing.items, np.iinfo(np.int64).max)
    highest = np.zeros(standing.items, dtype=np.int64)
    np.minimum.at(lowest, standing.item[has_model], model[has_model])
    np.maximum.at(highest, standing.item[has_model], model[has_model])
    return np.where(lowest == highest, highest, 0)


def item(database: Database, catalog: Catalog, digest: bytes, question: LookupQuery) -> Item:
    """Return all data about one item: the verdict, and all claims, including withdrawn claims."""
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


def _claim(view: View, claim: one_item.ItemClaim) -> Claim:
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
