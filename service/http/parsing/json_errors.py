"""Plain sentences for the errors of msgspec, which decodes JSON in bulk bodies.

msgspec names its own types, such as "Expected `int` >= 0 - at `$.size[0]`". This module translates each error into one
sentence that says what to write instead, with an example:

    size[0] must be a whole number from 0 to 4,294,967,295, such as 312
"""

import re
from typing import TypeAlias, get_args

import msgspec

from firsthand.core.verdicts import ORIGINS
from firsthand.schemas.registrations import Evidence

#: The exceptions that msgspec raises for bytes that it cannot decode.
DecodingError: TypeAlias = msgspec.DecodeError | UnicodeDecodeError | RecursionError
DECODING_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_DIGEST = "a digest: sha256: and 64 hexadecimal digits"

#: The value that a field must have, in words. If the field is a list: the value that each element must have.
_VALUES = {
    "digest": _DIGEST,
    "digests": _DIGEST,
    "size": "a whole number from 0 to 4,294,967,295, such as 312",
    "confidence": "a whole number from 0 to 255, such as 204",
    "dataset": 'the name of a dataset, such as "acme/web"',
    "origin": f"one of {', '.join(ORIGINS)}",
    "model": 'the name of a model, such as "acme/writer@1"',
    "evidence": f"one of {', '.join(get_args(Evidence))}",
    "collected_at": 'a time with its zone, such as "2026-01-31T12:00:00Z"',
    "generation": "a whole number, such as 1",
}
_LISTS = {
    "digests": 'a list of digests, such as ["sha256:…"]',
    "size": "a list of whole numbers from 0 to 4,294,967,295, such as [312, 48]",
    "confidence": "a list of whole numbers from 0 to 255, such as [204, 51]",
    "statements": 'a list of statements, such as [{"dataset": "acme/web", "origin": "human", "digests": ["sha256:…"]}]',
}

_MISSING = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)$")
_WRONG = re.compile(r"Expected `(?P<type>[^`]+)`.* - at `\$\.(?P<path>(?P<name>\w+).*)`")

#: The maximum number of characters of the name of an unknown field in a message.
_SHOWN = 80


def explain(error: DecodingError, example: str) -> str:
    """Return a sentence for an error of msgspec. `example` is a body that the registry accepts."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return f"this is not JSON ({not_json(error)}); send an object such as {example}"
    if missing := _MISSING.fullmatch(text):
        name = missing[1]
        return f"the field {name} is missing; it must be {_LISTS.get(name) or _VALUES[name]}"
    if unknown := _UNKNOWN.fullmatch(text):
        return f"there is no field {unknown[1][:_SHOWN]}; check the spelling, or remove it. Example: {example}"
    if wrong := _WRONG.fullmatch(text):
        needed = _LISTS if wrong["type"].startswith("array") else _VALUES
        # each field of a body is in one of the tables; tests/service/http/parsing/test_json_errors.py checks it
        return f"{wrong['path']} must be {needed[wrong['name']]}"
    return f"send an object with named fields, such as {example}"


def not_json(error: DecodingError) -> str:
    """Return the reason why bytes are not JSON, as a clause for the text after a colon."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "its lists or objects are nested too deeply"
    if str(error) == "Input data was truncated":
        return "it ends too early"
    position = _BYTE.search(str(error))
    return f"the first error is at byte {position[1]}" if position else "its syntax is wrong"
