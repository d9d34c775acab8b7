"""Parse a batch body into statements. Each statement is parsed separately, so an error affects only its statement."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import IO, Any, NamedTuple, TypeAlias

import msgspec
from pydantic import ValidationError

from firsthand.core.media_types import JSON, NDJSON
from firsthand.core.names import parse_dataset
from firsthand.schemas.registrations import MAX_BATCH, NewRegistration
from service.errors import Malformed, Refusal, Unprocessable
from service.http.parsing import json_errors, json_structure
from service.http.parsing.bulk_bodies import MOST_ITEMS, Confidence, Size, columns, unsupported
from service.storage.block_layout import CommittedItems


class Draft(NamedTuple):
    """A registration whose form is valid. Its dataset and its model are not checked yet."""

    dataset: str
    registration: NewRegistration
    items: CommittedItems


#: The maximum number of values in a JSON body: those of the items with size and confidence, and the other fields.
_MOST_VALUES = 3 * MOST_ITEMS + 20 * MAX_BATCH

Drafts: TypeAlias = Sequence[Draft | Refusal]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    statements: list[msgspec.Raw]


class _Statement(msgspec.Struct, forbid_unknown_fields=True):
    dataset: str
    digests: list[str]
    # texts, as in query parameters; `NewRegistration` validates them
    origin: str
    model: str | None = None
    evidence: str = "declared"
    collected_at: str | None = None
    generation: int | None = None
    size: list[Size] | None = None
    confidence: list[Confidence] | None = None


_envelope = msgspec.json.Decoder(_Envelope)
_statement = msgspec.json.Decoder(_Statement)

#: Examples of bodies in error messages.
_STATEMENT_EXAMPLE = '{"dataset": "acme/web", "origin": "human", "digests": ["sha256:…"]}'
_BATCH_EXAMPLE = f'{{"statements": [{_STATEMENT_EXAMPLE}]}}'


def read(media_type: str, file: IO[bytes]) -> Drafts:
    """Parse a batch in JSON or NDJSON. Return, for each statement in order, its draft or its error.

    Raises Malformed if the body is not JSON; Unprocessable if it is not a list of statements, or if the list is empty
    or too long; UnsupportedMedia for another content type.
    """
    raw: Sequence[bytes | msgspec.Raw]
    if media_type == JSON:
        try:
            json_structure.check_file(file, _MOST_VALUES)
            raw = _envelope.decode(file.read()).statements
        except msgspec.ValidationError as error:
            raise Unprocessable.at("body", json_errors.explain(error, _BATCH_EXAMPLE)) from None
        except json_errors.DECODING_ERRORS as error:
            raise Malformed(
                f"The body is not JSON: {json_errors.not_json(error)}. Send an object such as {_BATCH_EXAMPLE}."
            ) from None
    elif media_type == NDJSON:
        raw = list(islice(file, MAX_BATCH + 1))
    else:
        raise unsupported(media_type, JSON, NDJSON)
    if not 0 < len(raw) <= MAX_BATCH:
        number = len(raw) + sum(1 for _ in file)  # of NDJSON, the lines that were not read yet
        raise Unprocessable.at("statements", f"the batch has {number:,} statements; send 1 to {MAX_BATCH:,} statements")
    return [_draft(statement) for statement in raw]


def _draft(raw: bytes | msgspec.Raw) -> Draft | Refusal:
    try:
        given = _statement.decode(raw)
        registration = _registration(given.origin, given.model, given.evidence, given.collected_at, given.generation)
        items = columns(given.digests, given.size, given.confidence)
        if not len(items.digests):
            raise Unprocessable.at("digests", "the statement has no digest; send at least one digest")
        return Draft(str(parse_dataset(given.dataset)), registration, items.committed())
    except ValidationError as error:
        return Unprocessable.of(error)
    except json_errors.DECODING_ERRORS as error:
        return Unprocessable.at("statement", json_errors.explain(error, _STATEMENT_EXAMPLE))
    except ValueError as error:
        return Unprocessable.at("dataset", str(error))
    except Refusal as refusal:
        return refusal


@lru_cache(1024)  # most statements of a batch differ only in their items
def _registration(
    origin: str, model: str | None, evidence: str, collected_at: str | None, generation: int | None
) -> NewRegistration:
    fields: dict[str, Any] = {"origin": origin, "model": model, "evidence": evidence}
    return NewRegistration(**fields, collected_at=collected_at, generation=generation)


def count_items(drafts: Drafts) -> int:
    """Return the number of items in all statements that have no error."""
    return sum(len(draft.items.digests) for draft in drafts if isinstance(draft, Draft))
