import numpy as np
import pytest

from firsthand.core.digests import Digests, sort_unique
from service.claims.overlaps import OwnOverlaps
from tests.factories import crafted, digests


@pytest.mark.parametrize("pool", [digests(range(500)), crafted(500)], ids=["hashes", "that share their first words"])
def test_own_overlaps_are_distinguished_from_all_others(pool: Digests) -> None:
    own, _ = sort_unique(pool[::3])
    flags = OwnOverlaps(own).among(pool)
    assert np.flatnonzero(flags).tolist() == list(range(0, 500, 3))
    assert np.array_equal(np.concatenate(list(OwnOverlaps(own).pages())), own)


def test_where_there_are_none_nothing_overlaps() -> None:
    none = OwnOverlaps(np.empty((0, 32), np.uint8))
    assert not none.among(digests(range(5))).any()
    assert list(none.pages()) == []
