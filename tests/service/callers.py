"""Callers for tests of limits, which need only the organization of a key."""

from dataclasses import dataclass

from service.http.auth import Caller


@dataclass(frozen=True)
class _Organization:
    id: int


@dataclass(frozen=True)
class _KeyOf:
    issuer: _Organization


def caller(organization: int) -> Caller:
    """A caller with a key of the organization with this id."""
    return _KeyOf(_Organization(organization))  # type: ignore[return-value]
