"""The knowledge of the attackers about the registry."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AttackTarget:
    """The address of a registry, a key with the scopes read and write, and stored data. It can be pickled."""

    port: int
    api_key: str
    mix: str
    "id of a stored mix of all items"
    digests: bytes
    "up to 100,000 digests, half of which are registered"
    host: str = "127.0.0.1"
