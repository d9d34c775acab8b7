"""The mixes that are kept in memory: the oldest are removed, by the bytes that all of them take together."""

from typing import cast

import pytest

from service.mixes import drawn_cache
from service.mixes.drawn_cache import DrawnCache
from service.mixes.store import Drawn


class CountedMix:
    """A drawn mix that has only a size in bytes. It counts how often it is asked for it."""

    calls = 0

    def __init__(self, size: int) -> None:
        self._memory = size

    @property
    def memory(self) -> int:
        CountedMix.calls += 1
        return self._memory


@pytest.fixture(autouse=True)
def no_overhead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_cache, "_BYTES_PER_MIX", 0)


def kept(cache: DrawnCache, ids: str = "abc") -> list[str]:
    return [id_ for id_ in ids if cache.find(id_) is not None]


def keep(cache: DrawnCache, id_: str, size: int) -> None:
    cache.keep(id_, cast(Drawn, CountedMix(size)))


@pytest.mark.parametrize(
    ("mixes", "remaining"),
    [
        ([("a", 4), ("b", 4)], ["a", "b"]),
        ([("a", 4), ("b", 4), ("c", 4)], ["b", "c"]),
        ([("a", 4), ("b", 4), ("a", 4), ("c", 4)], ["a", "c"]),
        ([("a", 9), ("a", 2), ("b", 8)], ["a", "b"]),
        ([("a", 4), ("b", 11)], ["a"]),
        ([("a", 4), ("a", 11), ("b", 6)], ["b"]),
    ],
    ids=["all fit", "the oldest goes", "kept again is new", "another of one id", "too large", "grown too large"],
)
def test_the_oldest_go_by_the_bytes_of_all(mixes: list[tuple[str, int]], remaining: list[str]) -> None:
    cache = DrawnCache(most_bytes=10)
    for id_, size in mixes:
        keep(cache, id_, size)
    assert kept(cache) == remaining


def test_keeping_a_mix_looks_at_no_other() -> None:
    """A run keeps tens of thousands of small mixes: looking at all of them was a third of the server's work."""
    cache = DrawnCache(most_bytes=10_000)
    CountedMix.calls = 0
    for number in range(1_000):
        keep(cache, str(number), 1)
    assert CountedMix.calls == 1_000


def test_every_mix_counts_for_its_objects_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise any number of mixes without items would fit."""
    monkeypatch.setattr(drawn_cache, "_BYTES_PER_MIX", 5)
    cache = DrawnCache(most_bytes=10)
    for id_ in "abc":
        keep(cache, id_, 0)
    assert kept(cache) == ["b", "c"]
