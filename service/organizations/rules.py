"""Which API keys a caller manages: an administrator those of its own organization, an operator all. Pure."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from service.errors import NotPermitted, ResourceNotFound, StateConflict, Unprocessable
from service.log.rules import Issuer, canonical_time


class KeyManager(NamedTuple):
    """The holder of a key with the scope `admin` or `operator`."""

    issuer: Issuer
    scopes: frozenset[str]

    @property
    def organization(self) -> int | None:
        """The id of the organization whose keys the caller sees; None: all organizations."""
        return None if "operator" in self.scopes else self.issuer.id

    def check_organization(self, name: str) -> None:
        """Raise NotPermitted if the caller does not manage the keys of this organization, whether it exists or not."""
        if "operator" not in self.scopes and name != self.issuer.name:
            raise NotPermitted(
                f"The scope admin manages the keys of its own organization, {self.issuer.name}. Keys of {name} need an "
                "API key with the scope operator."
            )

    def check_scopes(self, scopes: Iterable[str]) -> None:
        """Raise NotPermitted if the caller cannot give all of these scopes: an operator any, others their own."""
        missing = sorted(set(scopes) - self.scopes)
        if missing and "operator" not in self.scopes:
            raise NotPermitted(
                f"This API key does not have the scope {', '.join(missing)}, so it cannot give it to another key. "
                "Leave it out, or use a key that has it."
            )

    def check_key(self, row: Any, action: str) -> None:
        """Raise ResourceNotFound for the key of an organization that the caller does not manage, NotPermitted for an
        operator's key if the caller is none."""
        if "operator" in self.scopes:
            return
        if row.organization != self.issuer.id:
            raise ResourceNotFound(no_key(self, row.id))
        if "operator" in row.scopes.split():
            raise NotPermitted(
                f"The key {row.id} has the scope operator. Only an API key with this scope can {action} it."
            )


def no_key(manager: KeyManager, id_: str) -> str:
    """Return the sentence for a key that is not there, and for one that the caller must not know of."""
    return f"There is no key {id_}" + ("." if manager.organization is None else f" of {manager.issuer.name}.")


def check_expiry(expires_at: int | None, time: int) -> None:
    """Raise Unprocessable if a key would expire before it can be used."""
    if expires_at is not None and expires_at <= time:
        raise Unprocessable.at(
            "expires_at", f"{canonical_time(expires_at)} is over; the registry's clock is at {canonical_time(time)}"
        )


def check_rotation(row: Any, time: int) -> None:
    """Raise StateConflict if a key was revoked, has expired, or was replaced before."""
    if row.revoked_at is not None:
        raise StateConflict(f"The key {row.id} was revoked at {canonical_time(row.revoked_at)}. Create a new one.")
    if row.expires_at is not None and row.expires_at <= time:
        raise StateConflict(f"The key {row.id} expired at {canonical_time(row.expires_at)}. Create a new one.")
    if row.replaced_by is not None:
        raise StateConflict(f"The key {row.id} was replaced by the key {row.replaced_by}. Rotate that one.")


def check_last_operator(row: Any, other_operators: bool, time: int) -> None:
    """Raise StateConflict if a key is the last valid one with the scope operator: no call could create another one."""
    valid = row.expires_at is None or row.expires_at > time
    if "operator" in row.scopes.split() and valid and not other_operators:
        raise StateConflict(
            f"The key {row.id} is the last valid key with the scope operator. Create another one first: firsthand key "
            f"create {row.name} --scope read --scope write --scope admin --scope operator"
        )


def end_of_replacement(row: Any, time: int) -> int | None:
    """Return when the replacement of a key expires by default: after the time that the key itself was given."""
    return None if row.expires_at is None else time + max(1, row.expires_at - row.created_at)
