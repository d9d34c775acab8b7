"""Statements: the entries of the log."""

from typing import Any, Literal

from firsthand.schemas.base import Digest, Moment, Position, Response

Kind = Literal["organization", "model", "dataset", "registration", "withdrawal", "dispute", "derivation", "revocation"]


class Statement(Response):
    """A statement of the log. `digest` is the SHA-256 of the RFC 8785 bytes of `body`."""

    position: Position
    kind: Kind
    organization: str
    recorded_at: Moment
    digest: Digest
    body: dict[str, Any]
