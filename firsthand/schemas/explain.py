"""Explain validation errors to users.

The messages of pydantic contain names of its types and regular expressions. This module replaces them: each kind of
error gets one sentence that says what to write instead, with an example. The command line, the simulator and the
registry use it.

    name 'Acme': use lower-case letters, digits, '.', '_' and '-', such as 'acme'
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from firsthand.core.names import DATASET, MODEL, ORGANIZATION
from firsthand.schemas.problems import ProblemError

_CHARACTERS = "lower-case letters, digits, '.', '_' and '-'"

#: Patterns of the schemas and of the paths → what to write instead of a text that does not match.
_PATTERNS = {
    ORGANIZATION: f"use {_CHARACTERS}, such as 'acme'",
    DATASET: f"use organization/name in {_CHARACTERS}, such as 'acme/web'",
    MODEL: f"use organization/name@version in {_CHARACTERS}, such as 'acme/writer@1'",
    r"^(sha256:)?[0-9a-fA-F]{64}$": "use the digest of an item: 'sha256:' and 64 hexadecimal digits",
    r"^[^\x00]*$": "remove the null character",
    r"^[\x21-\x7e]+$": "use printable ASCII characters without spaces, such as '3f2a-77'",
    "^(console|json)$": "use 'console' or 'json'",
}
_HEXADECIMAL = re.compile(r"\^\[0-9a-f\]\{(\d+)\}\$")

#: Classes → what to write instead of a value that is not an object of this class.
_OBJECTS = {
    "TrainedOn": "use an object such as TrainedOn(dataset='acme/web', position=12); in JSON, "
    '{"dataset": "acme/web", "position": 12}',
}

#: Pydantic's types of errors → what to write instead. Values of the error replace the names in braces.
_SENTENCES = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field; check the spelling",
    "string_type": "use a text",
    "string_too_long": "use at most {max_length:,} characters",
    "string_too_short": "use at least {min_length:,} characters",
    "literal_error": "use {expected}",
    "enum": "use {expected}",
    "bool_parsing": "use true or false",
    "bool_type": "use true or false",
    "int_parsing": "use a whole number, such as 12",
    "int_parsing_size": "use a smaller whole number",
    "int_type": "use a whole number, such as 12",
    "int_from_float": "use a whole number, such as 12",
    "float_parsing": "use a number, such as 0.3",
    "float_type": "use a number, such as 0.3",
    "finite_number": "use a finite number",
    "greater_than": "use a number greater than {gt}",
    "greater_than_equal": "use a number that is at least {ge}",
    "less_than": "use a number less than {lt}",
    "less_than_equal": "use a number that is at most {le}",
    "list_type": "use a list",
    "tuple_type": "use a list",
    "dict_type": "use an object with named fields",
    "model_attributes_type": "use an object with named fields",
    "model_type": "use an object with named fields",
    "dataclass_type": "use an object with named fields",
    "too_short": "too few values: give at least {min_length:,}; there are {actual_length}",
    "too_long": "too many values: give at most {max_length:,}; there are {actual_length}",
    "timezone_aware": "add the time zone, such as 2026-01-31T12:00:00Z",
    "json_invalid": "use JSON ({error})",
    "json_type": "use JSON",
    "path_type": "use a path, such as data/letters",
    "none_required": "give no value",
    "url_scheme": "use a URL that begins with {expected_schemes}",
}
#: The types of all errors about times begin with one of these.
_TIMES = ("datetime_", "date_")
_TIME = "use a time with its zone, such as 2026-01-31T12:00:00Z"

#: The maximum number of characters of a wrong value in a message.
_SHOWN = 80


def explain(error: ValidationError) -> str:
    """Return a text with one line per error: the field, its value, and what to write instead."""
    return "\n".join(located(problem.where, problem.message) for problem in problems(error.errors()))


def problems(errors: Iterable[Mapping[str, Any]]) -> list[ProblemError]:
    """Convert the `errors()` of pydantic or FastAPI into sentences for users. `where` is the path of the field."""
    return [ProblemError(where=".".join(map(str, error["loc"])), message=_message(error)) for error in errors]


def located(where: str, message: str) -> str:
    """Join a field's path and a message: `name 'Acme': use …`, or `seed: this field is required`."""
    if not where:
        return message
    return f"{where} {message}" if message.startswith("'") else f"{where}: {message}"


def _message(error: Mapping[str, Any]) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error.get("input")
    if kind == "value_error":  # raised by the schemas, with a message for users
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        advice = _of_pattern(context["pattern"])
    elif kind in ("model_type", "model_attributes_type", "dataclass_type"):
        advice = _OBJECTS.get(context.get("class_name", ""), _SENTENCES[kind])
    elif kind.startswith(_TIMES):
        advice = _TIME
    elif kind in _SENTENCES:
        advice = _SENTENCES[kind].format(**context)
    else:
        advice = f"this value is not accepted ({error['msg']})"
    if kind in ("missing", "extra_forbidden", "json_invalid") or not isinstance(value, str | int | float):
        return advice
    text = str(value)
    return f"'{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}': {advice}"


def _of_pattern(pattern: str) -> str:
    if pattern in _PATTERNS:
        return _PATTERNS[pattern]
    if hexadecimal := _HEXADECIMAL.fullmatch(pattern):
        digits = int(hexadecimal[1])
        return f"use {digits} hexadecimal digits, such as '{('0123456789abcdef' * 2)[:digits]}'"
    return "the text has the wrong form; see the description of this field in the documentation of the API"
