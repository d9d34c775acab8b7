"""The mixes that are kept in memory: the oldest go, by how many items all hold together."""

from typing import cast

import pytest

from service.mixes.drawn_cache import DrawnCache
from service.mixes.store import Drawn


class CountedMix:
    """A drawn mix, as far as this asks: how many items it holds. Counts how often it was asked."""

    calls = 0

    def __init__(self, items: int) -> None:
        self._items = items

    @property
    def held(self) -> int:
        CountedMix.calls += 1
        return self._items


def kept(cache: DrawnCache) -> list[str]:
    return list(cache._drawn)


def keep(cache: DrawnCache, id_: str, items: int) -> None:
    cache.keep(id_, cast(Drawn, CountedMix(items)))


@pytest.mark.parametrize(
    ("mixes", "remaining"),
    [
        ([("a", 4), ("b", 4)], ["a", "b"]),
        ([("a", 4), ("b", 4), ("c", 4)], ["b", "c"]),
        ([("a", 4), ("b", 4), ("a", 4), ("c", 4)], ["a", "c"]),
        ([("a", 9), ("a", 2), ("b", 8)], ["a", "b"]),
        ([("a", 4), ("b", 11)], []),
    ],
    ids=["all fit", "the oldest goes", "kept again is new", "another of one id", "too large"],
)
def test_the_oldest_go_by_the_items_of_all(mixes: list[tuple[str, int]], remaining: list[str]) -> None:
    cache = DrawnCache(most_items=10)
    for id_, items in mixes:
        keep(cache, id_, items)
    assert kept(cache) == remaining


def test_keeping_a_mix_looks_at_no_other() -> None:
    """A run keeps tens of thousands of small mixes: looking at all of them was a third of the server's work."""
    cache = DrawnCache(most_items=10_000)
    CountedMix.calls = 0
    for number in range(1_000):
        keep(cache, str(number), 1)
    assert CountedMix.calls == 1_000
