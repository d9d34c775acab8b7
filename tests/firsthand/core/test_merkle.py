"""The root over a registration's digests is that of RFC 6962, section 2.1."""

from hashlib import sha256

import numpy as np
import pytest

from firsthand.core.digests import to_bytes
from firsthand.core.merkle import root
from tests.factories import digests

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of the RFC, as it is written there: split at the largest power of two below n, and recurse."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert root(np.empty((0, 32), dtype=np.uint8)).hex() == EMPTY


def test_one_leaf_is_hashed_with_the_prefix_of_leaves() -> None:
    zeros = np.zeros((1, 32), dtype=np.uint8)
    assert root(zeros).hex() == sha256(bytes(33)).hexdigest()
    assert root(zeros).hex() == "7f9c9e31ac8256ca2f258583df262dbc7d6f68f2a03043d5c99a4ae5a7396ce9"


@pytest.mark.parametrize("leaves", [*range(1, 34), 63, 64, 65, 100, 1000])
def test_every_size_gives_the_tree_of_the_recursive_definition(leaves: int) -> None:
    items = digests(range(leaves))
    assert root(items) == tree_hash(to_bytes(items))


def test_a_root_that_was_written_down_stays() -> None:
    assert root(digests(range(7))).hex() == "8f0ae7fe0b8d4490aabb37134866fa40377ed018c0ac00598beed3800afe4847"
