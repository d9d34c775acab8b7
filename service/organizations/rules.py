"""Rules for API keys: an administrator manages the keys of its own organization, an operator manages all keys.

This module is pure: it does not use the database.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from service.errors import NotPermitted, ResourceNotFound, StateConflict, Unprocessable
from service.log.rules import Issuer, canonical_time


class KeyManager(NamedTuple):
    """The caller that manages API keys. Its key has the scope `admin` or `operator`."""

    issuer: Issuer
    scopes: frozenset[str]

    @property
    def organization(self) -> int | None:
        """The id of the organization whose keys the caller manages; None means all organizations."""
        return None if "operator" in self.scopes else self.issuer.id

    def check_organization(self, name: str) -> None:
        """Raise NotPermitted if the caller does not manage the keys of this organization.

        The answer is the same if the organization does not exist.
        """
        if "operator" not in self.scopes and name != self.issuer.name:
            raise NotPermitted(
                f"The scope admin manages the keys of its own organization, {self.issuer.name}. Keys of {name} need an "
                "API key with the scope operator."
            )

    def check_scopes(self, scopes: Iterable[str]) -> None:
        """Raise NotPermitted if the caller cannot give all of these scopes to a key.

        A caller with the scope operator can give any scope, other callers only the scopes of their own key.
        """
        missing = sorted(set(scopes) - self.scopes)
        if missing and "operator" not in self.scopes:
            several = len(missing) > 1
            scopes_in_words, these, them = (
                ("scopes", "these scopes", "them") if several else ("scope", "this scope", "it")
            )
            raise NotPermitted(
                f"This API key cannot give the {scopes_in_words} {', '.join(missing)} to another key, because it does "
                f"not have {them}. Remove {these} from the request, or use an API key that has {them}."
            )

    def check_key(self, row: Any, action: str) -> None:
        """Raise ResourceNotFound if the caller does not manage the organization of this key.

        Raise NotPermitted if the key has the scope operator and the caller's key does not.
        """
        if "operator" in self.scopes:
            return
        if row.organization != self.issuer.id:
            raise ResourceNotFound(no_key(self, row.id))
        if "operator" in row.scopes.split():
            raise NotPermitted(
                f"The key {row.id} has the scope operator. Only an API key with this scope can {action} it."
            )


def no_key(manager: KeyManager, id_: str) -> str:
    """Return the sentence for a key that does not exist, or that the caller must not know about."""
    return f"There is no key {id_}" + ("." if manager.organization is None else f" of {manager.issuer.name}.")


def check_expiry(expires_at: int | None, time: int) -> None:
    """Raise Unprocessable if the end of a key's validity is not after `time`, the current time."""
    if expires_at is not None and expires_at <= time:
        raise Unprocessable.at(
            "expires_at",
            f"{canonical_time(expires_at)} is not in the future: the registry's clock is at {canonical_time(time)}. "
            "Use a later time.",
        )


def check_rotation(row: Any, time: int) -> None:
    """Raise StateConflict if a key was revoked, has expired, or was already replaced."""
    if row.revoked_at is not None:
        raise StateConflict(f"The key {row.id} was revoked at {canonical_time(row.revoked_at)}. Create a new key.")
    if row.expires_at is not None and row.expires_at <= time:
        raise StateConflict(f"The key {row.id} expired at {canonical_time(row.expires_at)}. Create a new key.")
    if row.replaced_by is not None:
        raise StateConflict(
            f"The key {row.id} was already replaced by the key {row.replaced_by}. Rotate the key {row.replaced_by}."
        )


def check_last_operator(row: Any, other_operators: bool, time: int) -> None:
    """Raise StateConflict if a key is the last valid one with the scope operator: no call could create another one."""
    valid = row.expires_at is None or row.expires_at > time
    if "operator" in row.scopes.split() and valid and not other_operators:
        raise StateConflict(
            f"The key {row.id} is the last valid key with the scope operator. Create another one first: firsthand key "
            f"create {row.name} --scope read --scope write --scope admin --scope operator"
        )


def end_of_replacement(row: Any, time: int) -> int | None:
    """Return the time when the new key of a rotation expires by default; None if the old key never expires.

    The new key is valid for as long as the old key was valid from its creation.
    """
    return None if row.expires_at is None else time + max(1, row.expires_at - row.created_at)
