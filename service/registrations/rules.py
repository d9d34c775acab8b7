"""Registrations: what goes in, made exact. Pure."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from firsthand.core import merkle
from firsthand.core.digests import Digests, sort_unique, to_text
from firsthand.schemas.registrations import NewRegistration
from service.errors import Unprocessable
from service.log.rules import canonical_time

BLOCK = 65_536


@dataclass(frozen=True)
class Columns:
    """Items with their aligned columns: `uint8[n, 32]`, and where given `uint32[n]` and `uint8[n]`."""

    digests: Digests
    size: npt.NDArray[np.uint32] | None = None
    confidence: npt.NDArray[np.uint8] | None = None

    def committed(self) -> "Items":
        """Sorted by digest, each kept once; of an item that stands twice, the first row's columns are kept."""
        digests, rows = sort_unique(self.digests)
        size = None if self.size is None else self.size[rows]
        confidence = None if self.confidence is None else self.confidence[rows]
        return Items(digests, size, confidence, merkle.root(digests))

    def blocks(self) -> list[dict[str, bytes | None]]:
        """The binary blocks, 65,536 items each: digests, and columns little-endian."""
        starts = range(0, len(self.digests), BLOCK)
        return [
            {
                "digests": self.digests[start : start + BLOCK].tobytes(),
                "size": _part(self.size, start, "<u4"),
                "confidence": _part(self.confidence, start, "u1"),
            }
            for start in starts
        ]


@dataclass(frozen=True)
class Items(Columns):
    """The items of a registration: sorted, each once, committed to by their root (RFC 6962)."""

    root: bytes = b""


def _part(column: npt.NDArray[Any] | None, start: int, dtype: str) -> bytes | None:
    return None if column is None else column[start : start + BLOCK].astype(dtype).tobytes()


def statement(
    said: NewRegistration, dataset: str, profile: str, items: Items, collected_at: int | None
) -> dict[str, Any]:
    """The body of a registration's statement. The model is named; its generation is never copied."""
    given = {"size": items.size, "confidence": items.confidence}
    aligned = {
        name: to_text(sha256(column.astype(column.dtype.newbyteorder("<")).tobytes()).digest())
        for name, column in given.items()
        if column is not None
    }
    body: dict[str, Any] = {
        "dataset": dataset,
        "origin": said.origin,
        "evidence": said.evidence,
        "items": {"count": len(items.digests), "profile": profile, "root": to_text(items.root)},
    }
    if said.model is not None:
        body["model"] = said.model
    if collected_at is not None:
        body["collected_at"] = canonical_time(collected_at)
    if aligned:
        body["columns"] = aligned
    return body


def check_generation(typed: int | None, computed: int, lower_bound: bool, model: str) -> None:
    """A typed generation must not contradict the computed one; above a lower bound nothing is known to contradict."""
    if typed is None or typed == computed or (lower_bound and typed > computed):
        return
    known = f"at least {computed}" if lower_bound else str(computed)
    raise Unprocessable.at("generation", f"{typed} contradicts the generation of {model}, which is {known}")
