"""Mixes as samples: every block gives its share, and two seeds draw as if they knew nothing of each other.

Through a real registry, of digests that a hash gave and of digests that no hash would. The seeds are fixed, so the same
draw is seen every time: a test fails for a changed contract, not by bad luck. Thresholds are those of the statistics: a
chi-square between its 0.1 and 99.9 per cent, a mean within 3 of its standard errors.

The contract reads the first 16 bytes of a digest. Digests that share them all are one to it: they are drawn together,
lowest first. No hash gives such, so it takes somebody's will; what that amounts to is the last test.
"""

import math
from collections.abc import Callable
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from firsthand import Client
from firsthand.core.digests import Digests, as_strings, sort_unique
from firsthand.core.verdicts import Origin, Verdict
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Part, Recipe
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register

Ids: TypeAlias = npt.NDArray[np.intp]

SEEDS = range(30)
#: Items of each registration: the first has two blocks, of 65,536 and the rest.
HUMAN, MODEL = (70_000, 900, 3_000), (6_000, 2_000)
DRAWN: dict[Verdict, int] = {"human": 3_000, "model": 1_600}


def counted(n: int, first: int, width: int) -> Digests:
    """Zeros but for a counter of `width` bytes from byte `first` on."""
    made = np.zeros((n, 32), dtype=np.uint8)
    made[:, first : first + width] = np.arange(n, dtype=">u8").view(np.uint8).reshape(-1, 8)[:, 8 - width :]
    return made


def of_bytes(n: int, allowed: bytes) -> Digests:
    """Each byte one of a few."""
    return np.frombuffer(allowed, np.uint8)[np.random.default_rng(0).integers(0, len(allowed), (n, 32))]


#: 1 for the bytes that are the same in all.
SHARED = np.repeat([1, 0], [12, 20]).astype(np.uint8)

POOLS: dict[str, Callable[[int], Digests]] = {
    "hashes": lambda n: digests(range(n)),
    "a counter, then zeros": lambda n: counted(n, 0, 8),
    "a counter in the second word alone": lambda n: counted(n, 8, 8),
    "a counter after 12 bytes that all share": lambda n: counted(n, 12, 4) | of_bytes(1, bytes(range(256)))[0] * SHARED,
    "a counter in multiples of 2^24": lambda n: counted(n, 1, 4),
    "bytes of 0 to 3": lambda n: of_bytes(n, bytes(range(4))),
    "hexadecimal digits": lambda n: of_bytes(n, b"0123456789abcdef"),
}


class Pool:
    """Registered items, and of each the block that it lies in."""

    def __init__(self, client: Client, items: Digests) -> None:
        model(client, "local/m@1")
        client.put_dataset("local/texts")
        self.client, self.blocks, start = client, [], 0
        parts: list[Digests] = []
        of: dict[Origin, tuple[int, ...]] = {"human": HUMAN, "model": MODEL}
        for origin, sizes in of.items():
            for size in sizes:
                part = sort_unique(items[start : start + size])[0]
                by = "local/m@1" if origin == "model" else None
                client.register("local/texts", Digested(part), origin=origin, model=by, batch=size)
                for cut in range(0, size, 65_536):
                    parts.append(part[cut : cut + 65_536])
                    self.blocks.append(len(parts[-1]))
                start += size
        everything = np.concatenate(parts)
        order = np.argsort(as_strings(everything))
        self._sorted, self._place = as_strings(everything)[order], order

    def drawn(self, recipe: Recipe) -> Ids:
        """The numbers of the items of a mix, in the order of the blocks."""
        mix = self.client.create_mix(recipe)
        items = np.concatenate(list(self.client.mix_digests(mix.id or "")))
        return self._place[np.searchsorted(self._sorted, as_strings(items))]


@pytest.mark.slow
@pytest.mark.parametrize("kind", POOLS)
def test_every_block_gives_its_share_and_seeds_are_independent(registry: Registry, kind: str) -> None:
    pool = Pool(registry.client(), POOLS[kind](sum(HUMAN + MODEL)))
    parts = [Part(verdict_in=[origin], size=size) for origin, size in DRAWN.items()]
    draws = [pool.drawn(Recipe(seed=seed, parts=parts)) for seed in SEEDS]
    humans = len(pool.blocks) - len(MODEL)
    print(f"\n{kind}:")
    _check_part("human", [draw[: DRAWN["human"]] for draw in draws], pool.blocks[:humans], 0)
    _check_part("model", [draw[DRAWN["human"] :] for draw in draws], pool.blocks[humans:], sum(HUMAN))


def _check_part(name: str, draws: list[Ids], blocks: list[int], first: int) -> None:
    items, size = sum(blocks), len(draws[0])
    p, statistic, freedom = over_blocks([draw - first for draw in draws], blocks)
    print(f"  {name}: chi-square over {len(blocks)} blocks {statistic:.0f}, expected {freedom}, p = {p:.3f}")
    assert 0.001 < p < 0.999
    shared, z = overlap(draws, items, size)
    print(f"  {name}: two seeds share {shared:.2f}, expected {size * size / items:.2f}, z = {z:+.2f}")
    assert abs(z) < 3


def over_blocks(draws: list[Ids], blocks: list[int]) -> tuple[float, float, int]:
    """Of draws without replacement against blocks: p, chi-square and its degrees of freedom, all draws together.

    The counts of a draw are multivariate hypergeometric: their chi-square is (N − n)/(N − 1) of a multinomial's.
    """
    items, size = sum(blocks), len(draws[0])
    expected = size * np.array(blocks) / items
    edges = np.concatenate([[0], np.cumsum(blocks)])
    counts = np.stack([np.histogram(draw, bins=edges)[0] for draw in draws])
    assert (counts.sum(axis=1) == size).all()
    statistic = float(((counts - expected) ** 2 / expected).sum()) * (items - 1) / (items - size)
    freedom = len(draws) * (len(blocks) - 1)
    return float(stats.chi2.sf(statistic, freedom)), statistic, freedom


def overlap(draws: list[Ids], items: int, size: int) -> tuple[float, float]:
    """The items that two draws share, on average over all pairs, and how many standard errors off that is.

    Of independent draws it is hypergeometric, and that of one pair tells nothing of another's.
    """
    shared = [len(np.intersect1d(first, other)) for first, other in combinations(draws, 2)]
    law = stats.hypergeom(items, size, size)
    return float(np.mean(shared)), float((np.mean(shared) - law.mean()) / (law.std() / math.sqrt(len(shared))))


@on_both
def test_every_item_of_a_registry_is_drawn_equally_often(registry: Registry) -> None:
    client = registry.client()
    items = sort_unique(counted(400, 12, 4))[0]
    for start in range(0, 400, 50):
        register(client, items[start : start + 50], "human")
    drawn = np.zeros(400)
    for seed in range(200):
        mix = client.create_mix(Recipe(seed=seed, parts=[Part(size=100)]))
        (taken,) = client.mix_digests(mix.id or "")
        drawn[np.searchsorted(as_strings(items), as_strings(taken))] += 1
    # of each seed an item is drawn with probability 1/4; without replacement the counts vary by 1 − 100/400
    statistic = float(((drawn - 50) ** 2 / 50).sum()) / 0.75
    p = float(stats.chi2.sf(statistic, 399))
    print(f"\nchi-square {statistic:.0f}, expected 399, p = {p:.3f}")
    assert 0.001 < p < 0.999


def test_digests_that_share_16_bytes_are_drawn_together_lowest_first(registry: Registry) -> None:
    """Somebody claims 1,000 items under one prefix, beside 4,000 of others: a mix of 1,000 has one key for all of them.

    It is under x with probability x, and then 4,000x of the others come before: so some of them are in one mix of four,
    evenly up to all of it. One by one they would be 200 in each.
    """
    client = registry.client()
    alike = digests(range(1_000)).copy()
    alike[:, :16] = 7
    register(client, digests(range(4_000)), "human")
    register(client, alike, "human", dataset="local/alike")
    counts = []
    for seed in range(100):
        mix = client.create_mix(Recipe(seed=seed, parts=[Part(size=1_000)]))
        taken = np.concatenate(list(client.mix_digests(mix.id or "")))
        few = sort_unique(taken[(taken[:, :16] == 7).all(axis=1)])[0]
        assert (few == sort_unique(alike)[0][: len(few)]).all()
        counts.append(len(few))
    some = sum(count > 0 for count in counts)
    p = float(stats.binomtest(some, len(counts), 0.25).pvalue)
    print(f"\n{some} of 100 mixes hold some of them, expected 25 (p = {p:.3f}); at most {max(counts)} of 1,000")
    assert p > 0.001
