"""A batch body → statements, each read by itself: what is wrong with one refuses that one alone."""

from collections.abc import Sequence
from functools import lru_cache
from typing import IO, Any, NamedTuple, TypeAlias

import msgspec
from pydantic import ValidationError

from firsthand.core.names import parse_dataset
from firsthand.schemas.registrations import MAX_BATCH, NewRegistration
from service.errors import Malformed, Refusal, Unprocessable, UnsupportedMedia
from service.registrations.bodies import JSON, NDJSON, Confidence, Size, columns
from service.registrations.rules import Items


class Draft(NamedTuple):
    """One statement of a batch, before it is known whether its dataset and model are there."""

    dataset: str
    said: NewRegistration
    items: Items


Drafts: TypeAlias = Sequence[Draft | Refusal]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    statements: list[msgspec.Raw]


class _Statement(msgspec.Struct, forbid_unknown_fields=True):
    dataset: str
    digests: list[str]
    # read as `NewRegistration` reads them out of a query
    origin: str
    model: str | None = None
    evidence: str = "declared"
    collected_at: str | None = None
    generation: int | None = None
    size: list[Size] | None = None
    confidence: list[Confidence] | None = None


_envelope = msgspec.json.Decoder(_Envelope)
_statement = msgspec.json.Decoder(_Statement)


def read(media_type: str, file: IO[bytes]) -> Drafts:
    """Parse a batch in JSON or NDJSON; a statement that cannot be understood stands in it as its refusal.

    Raises Malformed where the body is no list of statements, Unprocessable for none or too many, UnsupportedMedia.
    """
    readers = {JSON: _in_json, NDJSON: _in_lines}
    if media_type not in readers:
        raise UnsupportedMedia(f"{media_type or 'No content type'} is not read here; send {JSON} or {NDJSON}.")
    raw = readers[media_type](file)
    if not 0 < len(raw) <= MAX_BATCH:
        raise Unprocessable.at("statements", f"a batch has 1 to {MAX_BATCH:,} statements, and this has {len(raw):,}")
    return [_draft(each) for each in raw]


def _in_json(file: IO[bytes]) -> list[bytes | msgspec.Raw]:
    try:
        return list(_envelope.decode(file.read()).statements)
    except msgspec.ValidationError as error:
        raise Unprocessable.at("body", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"The body is not JSON: {error}") from None


def _in_lines(file: IO[bytes]) -> list[bytes | msgspec.Raw]:
    return list(file)


def _draft(raw: bytes | msgspec.Raw) -> Draft | Refusal:
    try:
        given = _statement.decode(raw)
        said = _said(given.origin, given.model, given.evidence, given.collected_at, given.generation)
        items = columns(given.digests, given.size, given.confidence)
        if not len(items.digests):
            raise Unprocessable.at("digests", "a registration has at least one item")
        return Draft(str(parse_dataset(given.dataset)), said, items.committed())
    except ValidationError as error:
        return Unprocessable.of(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unprocessable.at("statement", str(error))
    except ValueError as error:
        return Unprocessable.at("dataset", str(error))
    except Refusal as refusal:
        return refusal


@lru_cache(1024)  # the statements of a batch say much the same, each of other items
def _said(
    origin: str, model: str | None, evidence: str, collected_at: str | None, generation: int | None
) -> NewRegistration:
    said: dict[str, Any] = {"origin": origin, "model": model, "evidence": evidence}
    return NewRegistration(**said, collected_at=collected_at, generation=generation)


def items(drafts: Drafts) -> int:
    """The items of all that could be understood."""
    return sum(len(draft.items.digests) for draft in drafts if isinstance(draft, Draft))
