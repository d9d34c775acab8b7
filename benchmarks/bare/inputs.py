"""Random digests to register and look up, and the blocks and statements that the bare drivers store."""

import hashlib
import json

import numpy as np

from firsthand.core.digests import SIZE, Digests

#: The maximum number of digests in a block.
BLOCK = 65_536


def random_digests(count: int, generator: np.random.Generator) -> Digests:
    """Return uniform digests, `uint8[count, 32]`. With 256 random bits, no two digests are equal."""
    return generator.integers(0, 256, (count, SIZE), dtype=np.uint8)


def split(digests: Digests, size: int) -> list[Digests]:
    """Split `uint8[n, 32]` into ⌈n/size⌉ views of at most `size` rows."""
    return [digests[start : start + size] for start in range(0, len(digests), size)]


def half_known(held: Digests, size: int, count: int, generator: np.random.Generator) -> list[Digests]:
    """Return `count` batches to look up, each `uint8[size, 32]`. Every second row is from `held`, each at most once."""
    batches = []
    for _ in range(count):
        batch = random_digests(size, generator)
        batch[::2] = held[generator.choice(len(held), len(batch[::2]), replace=False, shuffle=False)]
        batches.append(batch)
    return batches


def blocks(ordered: Digests) -> list[tuple[int, bytes]]:
    """Return the blocks of sorted digests as they are stored: block number, joined digests."""
    return [(number, part.tobytes()) for number, part in enumerate(split(ordered, BLOCK))]


def statement(registration: int, origin: str, ordered: Digests) -> tuple[bytes, bytes]:
    """Return the canonical bytes of a registration's statement, and their SHA-256.

    The root is one SHA-256 over the sorted digests. The registry computes a Merkle tree instead, which hashes twice as
    many bytes.
    """
    fields = {
        "kind": "registration",
        "registration": registration,
        "dataset": "bare/items",
        "origin": origin,
        "evidence": "declared",
        "items": len(ordered),
        "root": hashlib.sha256(ordered.tobytes()).hexdigest(),
    }
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return canonical, hashlib.sha256(canonical).digest()
