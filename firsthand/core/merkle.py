"""The Merkle root of a registration's sorted digests: RFC 6962, section 2.1 (leaf 0x00, node 0x01)."""

from hashlib import sha256

from firsthand.core.digests import Digests, to_bytes


def root(digests: Digests) -> bytes:
    """Return the Merkle tree hash of sorted digests, `uint8[n, 32]`. Each digest is the data of one leaf.

    The hash of the empty tree is SHA-256(""). Pairs of nodes are hashed, level by level. If the number of nodes of a
    level is odd, its last node moves up unchanged. The result is the tree of the RFC, which splits n leaves at the
    largest power of two below n.
    """
    level = [sha256(b"\x00" + digest).digest() for digest in to_bytes(digests)]
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        paired = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(level) - 1 :] if len(level) % 2 else paired
    return level[0]
