"""Check the answers of the registry to mutated requests. An answer that does not pass is a fault."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2

from firsthand.schemas.problems import MEDIA_TYPE, Problem


@dataclass(frozen=True)
class FuzzRequest:
    """A request with a mutated body."""

    form: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def answer_fault(answer: httpx2.Response) -> str | None:
    """Return what is wrong with an answer, or None if nothing is wrong."""
    status = answer.status_code
    if status >= 500 and status != 503:
        return f"status {status}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if status < 400:
        return _json_fault(answer) if media_type == "application/json" else None
    if media_type != MEDIA_TYPE:
        return f"status {status} with the content type {media_type or 'none'} instead of {MEDIA_TYPE}"
    fault = _json_fault(answer)
    if fault is not None:
        return fault
    problem: Any = answer.json()
    if not isinstance(problem, dict) or not Problem.model_fields.keys() >= problem.keys() >= {
        "type",
        "title",
        "detail",
    }:
        return f"status {status} with JSON that does not have the fields of a problem"
    if problem.get("status") != status:
        return f"status {status} with a problem whose field status is {problem.get('status')}"
    if not problem["detail"]:
        return f"status {status} with an empty detail"
    return None


def _json_fault(answer: httpx2.Response) -> str | None:
    """Return why a body is not valid JSON in UTF-8 (RFC 8259), or None if it is valid."""
    try:
        json.loads(answer.content.decode(), parse_constant=_refuse_constant)
    except ValueError as error:
        return f"status {answer.status_code} with a body that is not JSON: {error}"
    return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")
