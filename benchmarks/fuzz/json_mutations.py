"""Change values in JSON bodies. The body stays valid JSON, so the registry reads all of it."""

import json
from typing import Any

import numpy as np

#: Values of other types, and values at the limits of types and of fields.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.5, 1, 255, 256, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63,
    -(2**63) - 1, 2**64, 10**40, 1e308, 1e-308, "", " ", "a", "\0", "\x1b[31m", "\u202e", "\ud800", "é" * 300,
    "x" * 100_000, "local/texts", "local/m@1", "other/texts", "sha256:" + "0" * 64, "SHA256:" + "F" * 64, "0" * 63,
    "text/../..", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2024-02-30T00:00:00Z", [], [None], [[]], [""],
    {}, {"": None}, [[[[[[[[]]]]]]]],
)  # fmt: skip

#: The maximum number of entries of a list that is repeated.
_MOST_ENTRIES = 5_000


def change_lines(body: bytes, random: np.random.Generator) -> bytes:
    """Change one to three values in a JSON text, or in one of several lines of JSON, and return the new body.

    A body that is not JSON is returned unchanged.
    """
    lines = body.splitlines()
    number = int(random.integers(len(lines)))
    try:
        fields = json.loads(lines[number])
    except ValueError:
        return body
    for _ in range(int(random.integers(1, 4))):
        fields = change_json(fields, random)
    lines[number] = json.dumps(fields).encode()
    return b"\n".join(lines)


def change_json(fields: Any, random: np.random.Generator) -> Any:
    """Return a JSON value after one change: a value in it is replaced, removed, repeated or added."""
    containers = _containers(fields)
    if not containers:
        return _value(random)
    container = containers[int(random.integers(len(containers)))]
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    key = keys[int(random.integers(len(keys)))]
    match int(random.integers(6)):
        case 0:
            del container[key]
        case 1 if isinstance(container, list):
            container.extend(container[: _MOST_ENTRIES // len(container)] * int(random.choice([1, 10, 100])))
            del container[_MOST_ENTRIES:]
        case 1:
            container[_text(random)] = container[key]
        case 2 if isinstance(container, list):
            container.insert(key, _value(random))
        case 2:
            container[_text(random)] = _value(random)
        case _:
            container[key] = _value(random)
    return fields


def _containers(fields: Any) -> list[Any]:
    """Return all arrays and objects in a value that are not empty, sorted by their start."""
    if not isinstance(fields, dict | list):
        return []
    below = fields.values() if isinstance(fields, dict) else fields
    return ([fields] if fields else []) + [container for value in below for container in _containers(value)]


def _value(random: np.random.Generator) -> Any:
    """Return a copy of a random value of `VALUES`, so that later changes of the body do not change `VALUES`."""
    return json.loads(json.dumps(VALUES[int(random.integers(len(VALUES)))]))


def _text(random: np.random.Generator) -> str:
    texts = [value for value in VALUES if isinstance(value, str)]
    return texts[int(random.integers(len(texts)))]
