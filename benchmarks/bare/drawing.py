"""Digests to register and to ask for, drawn with a generator."""

import hashlib
import json

import numpy as np

from firsthand.core.digests import SIZE, Digests

#: Digests a block holds at most.
BLOCK = 65_536


def draw(count: int, generator: np.random.Generator) -> Digests:
    """Uniform digests, `uint8[count, 32]`; of 256 random bits no two are ever equal."""
    return generator.integers(0, 256, (count, SIZE), dtype=np.uint8)


def split(digests: Digests, size: int) -> list[Digests]:
    """`uint8[n, 32]` → ⌈n/size⌉ views of at most `size` rows."""
    return [digests[start : start + size] for start in range(0, len(digests), size)]


def half_known(held: Digests, size: int, batches: int, generator: np.random.Generator) -> list[Digests]:
    """Batches to look up: `batches` arrays `uint8[size, 32]`, every second row held, no held row twice in a batch."""
    asked = []
    for _ in range(batches):
        batch = draw(size, generator)
        batch[::2] = held[generator.choice(len(held), len(batch[::2]), replace=False, shuffle=False)]
        asked.append(batch)
    return asked


def blocks(ordered: Digests) -> list[tuple[int, bytes]]:
    """Sorted digests → their blocks as they are stored: the number of each, and its digests joined."""
    return [(number, part.tobytes()) for number, part in enumerate(split(ordered, BLOCK))]


def statement(registration: int, origin: str, ordered: Digests) -> tuple[bytes, bytes]:
    """The canonical bytes of a registration's statement and their SHA-256.

    The root here is one SHA-256 over the sorted digests: a tree costs twice the hashing and is the registry's own.
    """
    said = {
        "kind": "registration",
        "registration": registration,
        "dataset": "bare/items",
        "origin": origin,
        "evidence": "declared",
        "items": len(ordered),
        "root": hashlib.sha256(ordered.tobytes()).hexdigest(),
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return canonical, hashlib.sha256(canonical).digest()
