"""The upload forms of the API: for each form, the call, the content type, and bodies that the registry accepts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.fuzz.arrow_bodies import arrow_streams, parquet_file
from firsthand.core.digests import Digests, to_text
from firsthand.core.media_types import ARROW, JSON, NDJSON, PARQUET, RAW

#: Query strings of a registration: some are accepted, the others have a value out of range.
_STATEMENTS = (
    "origin=human",
    "origin=model&model=local/m@1",
    "origin=model&model=local/m@1&generation=1&evidence=generator",
    "origin=human&collected_at=2024-02-29T12:00:00Z",
    "origin=model&model=local/m@1&generation=9223372036854775808",
    "origin=human&collected_at=9999-12-31T23:59:59.999999999%2B23:59",
    "origin=human&collected_at=0001-01-01T00:00:00-23:59",
    "origin=%00&model=%ff&evidence=",
    "origin=model&model=" + "m" * 500,
)
_QUESTIONS = (
    "",
    "policy=pessimistic",
    "as_of=3",
    "as_of=0",
    "as_of=-1",
    "as_of=9007199254740991",
    "as_of=9223372036854775808",
    "policy=%00&as_of=1e9",
)


@dataclass(frozen=True)
class UploadForm:
    """A kind of body for one call: its method, its path, its content type, and query strings.

    A request uses one of them.
    """

    name: str
    method: str
    path: str
    media_type: str
    originals: tuple[bytes, ...]
    queries: tuple[str, ...] = ("",)
    accepted: bool = True
    "whether the registry accepts the first body with the first query string, as the first request of the run"


def upload_forms(
    key_id: str, registration: int, foreign_registration: int, digests: Digests, random: np.random.Generator
) -> list[UploadForm]:
    """Return all forms.

    `key_id` is the id of a key that may be rotated. `registration` is a registration of the sender's organization with
    these digests (`uint8[n, 32]`, n at least 5). `foreign_registration` is a registration of another organization.
    """
    texts = [to_text(row.tobytes()) for row in digests]
    raw = (digests.tobytes(), digests[:1].tobytes())
    columns = {"digests": texts, "size": list(range(len(texts))), "confidence": [255] * len(texts)}
    lines = [{"digest": text, "size": number, "confidence": 7} for number, text in enumerate(texts)]
    arrows = tuple(arrow_streams(random))
    parquet = (parquet_file(random),)
    statements = [
        {"dataset": "local/texts", "origin": "human", "digests": texts[:2], "size": [1, 2]},
        {"dataset": "local/texts", "origin": "model", "model": "local/m@1", "digests": texts[2:4], "generation": 1},
        {"dataset": "local/texts", "origin": "human", "digests": texts[4:5], "collected_at": "2024-02-29T12:00:00Z"},
    ]
    recipe = {
        "seed": 1,
        "size": 10,
        "shortfall": "shrink",
        "parts": [{"share": 0.5}, {"share": 0.5, "models": ["local/m@1"]}],
    }
    parts = [
        {"verdict_in": ["human", "unknown"], "size": 3, "collected_before": "2030-01-01T00:00:00Z"},
        {"generation_in": [1, 2], "datasets": ["local/texts"], "lower_bounds": True, "weight": "confidence", "size": 3},
    ]
    mixes = (
        _json({**recipe, "dry_run": True}),
        _json({"seed": 2, "policy": "pessimistic", "shortfall": "shrink", "parts": parts}),
        _json({"size": 100, "unit": "size", "shortfall": "shrink", "parts": [{"share": 1.0, "max_generation": 3}]}),
        _json({"size": 5_000, "shortfall": "repeat", "parts": [{"share": 1.0}], "dry_run": True}),
    )
    register = "/v1/datasets/local/texts/registrations"
    return [
        UploadForm("register raw", "POST", register, RAW, raw, _STATEMENTS),
        UploadForm("register json", "POST", register, JSON, (_json(columns), _json({"digests": texts})), _STATEMENTS),
        UploadForm("register ndjson", "POST", register, NDJSON, (_lines(lines),), _STATEMENTS),
        UploadForm("register arrow", "POST", register, ARROW, arrows, _STATEMENTS),
        UploadForm("register parquet", "POST", register, PARQUET, parquet, _STATEMENTS, accepted=False),
        UploadForm("batch json", "POST", "/v1/registrations:batch", JSON, (_json({"statements": statements}),)),
        UploadForm("batch ndjson", "POST", "/v1/registrations:batch", NDJSON, (_lines(statements),)),
        UploadForm(
            "look-up json", "POST", "/v1/lookups", JSON,
            (_json({"digests": texts}), _json({"digests": texts[:2], "policy": "strict", "as_of": 3})), _QUESTIONS,
        ),
        UploadForm("look-up raw", "POST", "/v1/lookups", RAW, raw, _QUESTIONS),
        UploadForm("look-up ndjson", "POST", "/v1/lookups", NDJSON, (_lines(lines),), _QUESTIONS),
        UploadForm("look-up arrow", "POST", "/v1/lookups", ARROW, arrows, _QUESTIONS),
        UploadForm("look-up parquet", "POST", "/v1/lookups", PARQUET, parquet, _QUESTIONS, accepted=False),
        UploadForm("mix", "POST", "/v1/mixes", JSON, mixes),
        UploadForm(
            "withdrawal", "POST", "/v1/withdrawals", JSON,
            (_json({"statement": registration, "digests": texts[:3], "reason": "a test"}),),
        ),
        UploadForm(
            "dispute", "POST", "/v1/disputes", JSON,
            (_json({"registration": foreign_registration, "reason": "a test"}),),
        ),
        UploadForm(
            "key", "POST", "/v1/keys", JSON,
            (_json({"organization": "local", "name": "a", "scopes": ["read"], "expires_at": "2090-01-01T00:00:00Z"}),),
        ),
        UploadForm("rotation", "POST", f"/v1/keys/{key_id}/rotations", JSON, (_json({"overlap": 3600}),)),
        UploadForm("organization", "POST", "/v1/organizations", JSON, (_json({"name": "a-1", "title": "A"}),)),
        UploadForm("dataset", "PUT", "/v1/datasets/local/new", JSON, (_json({"profile": "text-1", "title": "A"}),)),
        UploadForm(
            "model", "PUT", "/v1/models/local/n/1", JSON,
            (
                _json({"generation": 2, "served_from": "2024-01-01T00:00:00Z", "title": "A"}),
                _json({"trained_on": [{"dataset": "local/texts", "position": 5}]}),
            ),
        ),
        UploadForm("snapshot", "POST", "/v1/snapshots", JSON, (_json({"as_of": 1, "policy": "strict", "bits": 28}),)),
    ]  # fmt: skip


def _json(fields: object) -> bytes:
    return json.dumps(fields).encode()


def _lines(rows: Iterable[object]) -> bytes:
    return b"".join(_json(row) + b"\n" for row in rows)
