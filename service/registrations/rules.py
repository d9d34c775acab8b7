"""Build the JSON body of a registration, as it is recorded in the log. These functions have no side effects."""

from hashlib import sha256
from typing import Any

from firsthand.core.digests import to_text
from firsthand.schemas.registrations import NewRegistration
from service.log.rules import canonical_time
from service.storage.block_layout import CommittedItems


def collection_time(new: NewRegistration) -> int | None:
    """Return the stated time of collection in seconds since 1970, or None."""
    return None if new.collected_at is None else int(new.collected_at.timestamp())


def statement(new: NewRegistration, dataset: str, profile: str, items: CommittedItems) -> dict[str, Any]:
    """Return the body of the statement of a registration.

    It has the name of the model, but not the generation, which may get a new derivation later.
    """
    columns = {
        name: to_text(sha256(column.astype(column.dtype.newbyteorder("<")).tobytes()).digest())
        for name, column in (("size", items.size), ("confidence", items.confidence))
        if column is not None
    }
    body: dict[str, Any] = {
        "dataset": dataset,
        "origin": new.origin,
        "evidence": new.evidence,
        "items": {"count": len(items.digests), "profile": profile, "root": to_text(items.root)},
    }
    if new.model is not None:
        body["model"] = new.model
    collected_at = collection_time(new)
    if collected_at is not None:
        body["collected_at"] = canonical_time(collected_at)
    if columns:
        body["columns"] = columns
    return body
