"""A commons through the registry, against what theory says of it."""

from pathlib import Path

import numpy as np
import pytest

from firsthand.client import Client
from simulator import oracles
from simulator.oracles import Draws
from simulator.regimes import Archive, Crawl, Entrant
from simulator.worlds.commons import Commons
from tests.simulator.playing import Played, assert_jointly, through


@pytest.mark.parametrize(
    ("world", "regime"),
    [
        (Commons(0.2, registered=0.5, pool=4), Crawl()),
        (Commons(0.2, registered=0.5, pool=4, providers=3, market="zipf"), Crawl()),
        (Commons(0.2, registered=0.0, pool=4, providers=3), Crawl(log=True)),
        (Commons(0.2, registered=1 / 3, by="provider", pool=4, providers=3, order="best", training="zipf"), Crawl()),
        (Commons(0.2, registered=0.5, pool=4, providers=2), Entrant(entry=2)),
    ],
    ids=["one provider", "three", "three with logs", "the best registers", "late entrants"],
)
def test_a_commons_through_the_registry_does_exactly_what_follows_from_its_draws(
    world: Commons, regime: Crawl, tmp_path: Path, client: Client
) -> None:
    """E[μ²] of each provider given the items that the registry drew, over 10,000 chains, all jointly at 99 %.

    All chains share the draws, so this is exact. A standard error above 2 % of its reference would prove nothing.
    """
    n, last = 50, 6
    played = through(client, tmp_path, world, regime, n=n, human=n, generations=last, chains=10_000)
    second, rows = np.full((world.providers, world.providers), 1 / n), []
    seconds = [second]
    for round, row in enumerate(played.rows, start=1):
        if round > 1:
            second = oracles.after_draws(seconds[regime.until(round) - 2], draws_of(played, round))
            seconds.append(second)
        measured = row.get("providers", [row["metrics"]])
        rows += [(f"{k} in {round}", second[k, k], provider["mean_error"]) for k, provider in enumerate(measured)]
    assert_jointly(rows, 0.02)


def draws_of(played: Played, round: int) -> Draws:
    """What the training sets of a round have in common, counted."""
    lines = played.run.world.providers
    sizes = [played.run.world.training_size(k, played.run.n) for k in range(lines)]
    roles = [f"model-{k}" if lines > 1 else "model" for k in range(lines)]
    regime = played.run.regime
    assert isinstance(regime, Crawl)
    made = [played.digests(role, regime.until(round) - 1) for role in roles]
    mixes = played.drawn(round)
    if played.run.regime.private:
        mixes = [mix[~np.isin(mix, own)] for mix, own in zip(mixes, made, strict=True)]
    sets = [mix[:n] for mix, n in zip(mixes, sizes, strict=True)]
    assert [len(np.unique(items)) for items in sets] == sizes
    same, pairs = np.zeros((lines, lines)), np.zeros((lines,) * 4)
    for i, ours in enumerate(sets):
        for j, theirs in enumerate(sets):
            pairs_of_items = sizes[i] * sizes[j]
            same[i, j] = np.isin(ours, theirs).sum() / pairs_of_items
            of = [(np.isin(ours, items).sum(), np.isin(theirs, items).sum()) for items in made]
            pairs[i, j] = np.outer([a for a, _ in of], [b for _, b in of]) / pairs_of_items
            both = ours[np.isin(ours, theirs)]
            pairs[i, j] -= np.diag([np.isin(both, items).sum() for items in made]) / pairs_of_items
    return Draws(same, pairs)


@pytest.mark.parametrize(
    ("world", "regime"),
    [
        (Commons(0.2, registered=0.5, pool=2), Crawl(rounds=9, everything=True)),
        (Commons(0.2, registered=0.5, pool=2, archived=0.5), Crawl(rounds=0, everything=True, unknown="drop")),
        (Commons(0.2, lies=0.3, contested=0.5, backdated=True), Archive(everything=True)),
        (Commons(0.2, registered=0.5, pool=2), Crawl(everything=True)),
    ],
    ids=["all pools", "all pools and the archive", "a back-dated archive", "the whole of each pool"],
)
def test_who_trains_on_all_there_is_does_exactly_what_is_expected_of_its_counts(
    world: Commons, regime: Crawl | Archive, tmp_path: Path, client: Client
) -> None:
    """Nothing is drawn, so E[μ²] over draws is that over chains; 10,000 of them, all jointly at 99 %."""
    n, archive, last = 40, 60, 5
    played = through(client, tmp_path, world, regime, n=n, human=archive, generations=last, chains=10_000)
    expect = oracles.expect_commons if isinstance(regime, Crawl) and regime.uniform else oracles.expect_grown
    expected = expect(world, regime, n, last, archive=archive).mean_squared  # type: ignore[arg-type]
    assert_jointly(
        [
            (f"in {t}", x, row["metrics"]["mean_error"])
            for t, x, row in zip(range(1, 6), expected, played.rows, strict=True)
        ],
        0.02,
    )


def test_what_providers_draws_have_in_common_is_what_is_expected(tmp_path: Path, client: Client) -> None:
    """`expected_draws` against the registry's own draws of 8 rounds; within 4 standard errors."""
    world, n = Commons(0.2, registered=0.5, pool=4, providers=3, market="zipf"), 50
    expected = oracles.expected_draws(oracles.candidates(world, Crawl(), n, 0, 2), [n] * 3)
    played = through(client, tmp_path, world, Crawl(), n=n, human=n, generations=9)
    drawn = [draws_of(played, round) for round in range(2, 10)]
    for reference, drawn_values in (
        (expected.same[0, 1], np.array([draw.same[0, 1] for draw in drawn])),
        (expected.pairs[0, 1, 0, 1], np.array([draw.pairs[0, 1, 0, 1] for draw in drawn])),
    ):
        error = drawn_values.std(ddof=1) / np.sqrt(len(drawn_values))
        assert error < 0.2 * reference
        assert drawn_values.mean() == pytest.approx(reference, abs=4 * error)
