"""What a world does in the registry: what is said there is what its fields say, and a run trains on what follows."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firsthand.client import Client
from firsthand.core.verdicts import VERDICTS
from simulator import oracles
from simulator.families.base import Floats
from simulator.oracles.commons import verdicts
from simulator.regimes import FIRST_MODEL, Archive, Crawl
from simulator.runs import checkpoints, results
from simulator.runs.checkpoints import State
from simulator.worlds.base import RoundBatch
from simulator.worlds.commons import Commons
from tests.simulator.playing import Played, play, through


def held(human: int, model: int, contested: int, unknown: int) -> dict[str, int]:
    return {"human": human, "model": model, "contested": contested, "unknown": unknown}


# Of a pool of 80, 20 are human; the second number is what else is known of the third round's, where that differs.
SAID = {
    "an honest provider": (Commons(0.25), held(0, 60, 0, 20), None),
    "half registered": (Commons(0.25, 0.5), held(0, 30, 0, 50), None),
    "missed": (Commons(0.25, missed=0.1), held(6, 54, 0, 20), None),
    "accused": (Commons(0.25, accused=0.2), held(0, 64, 0, 16), None),
    "archived": (Commons(0.25, archived=0.6), held(12, 60, 0, 8), None),
    "lies": (Commons(0.25, lies=0.2), held(12, 48, 0, 20), None),
    "contested": (Commons(0.25, lies=0.5, contested=0.5), held(15, 30, 15, 20), None),
    "growth": (Commons(0.25, missed=0.1, accused=0.1, growth=0.1), held(6, 56, 0, 18), held(12, 52, 0, 16)),
    "a detector": (Commons(0.25, 0.5, detector=1), held(50, 30, 0, 0), None),
    "late": (Commons(0.25, 0.5, late=2), held(0, 30, 0, 50), held(0, 60, 0, 20)),
    "three of unlike size": (Commons(0.25, 0.5, providers=3, market="zipf"), held(0, 31, 0, 49), None),
    "everything": (
        Commons(0.25, 0.8, "item", 3, "zipf", missed=0.1, accused=0.1, lies=0.1, contested=0.5, archived=0.4),
        None,
        None,
    ),
}


@pytest.mark.parametrize(("world", "second", "third"), SAID.values(), ids=SAID)
def test_the_registry_holds_of_each_pool_what_the_world_says(
    world: Commons, second: dict[str, int] | None, third: dict[str, int] | None, tmp_path: Path, client: Client
) -> None:
    played = through(client, tmp_path, world, generations=2)
    if second is not None:
        assert [played.count(2), played.count(3)] == [second, third or second]
    for round in (2, 3):
        batches = [
            RoundBatch(round, None, 20),
            *(RoundBatch(round - 1, k, items) for k, items in enumerate(world.outputs(20))),
        ]
        held = [verdicts(world, batch, 0, round) for batch in batches]
        assert played.count(round) == {verdict: sum(counts[verdict] for counts in held) for verdict in VERDICTS}
        for regime in (Crawl(), Crawl(unknown="drop"), Crawl(contested="human"), Crawl(models="keep")):
            candidates = oracles.candidates(world, regime, 20, 0, round)
            admitted = sum(played.count(round, verdict_in=regime.verdicts()).values())
            assert [candidates.humans + made.sum() for made in candidates.made] == [admitted] * world.providers


REGISTERING = {
    "each a share of its items": (Commons(0.25, 0.5, "item", 3), [10, 10, 10]),
    "all of them": (Commons(0.25, 1.0, "provider", 3), [20, 20, 20]),
    "none": (Commons(0.25, 0.0, "provider", 3), [0, 0, 0]),
    "the two largest": (Commons(0.25, 2 / 3, "provider", 3, "zipf", "largest"), [33, 16, 0]),
    "the two smallest": (Commons(0.25, 2 / 3, "provider", 3, "zipf", "smallest"), [0, 16, 11]),
    "a half that also lies": (Commons(0.25, 1 / 3, "provider", 3, order="largest", lies=0.2), [16, 0, 0]),
    "the two best, who make no more": (
        Commons(0.25, 2 / 3, "provider", 3, order="best", training="zipf"),
        [20, 20, 0],
    ),
    "the worst": (Commons(0.25, 1 / 3, "provider", 3, order="worst", training="zipf"), [0, 0, 20]),
    "one who is accused": (Commons(0.25, 0.5, "item", 3, accused=0.2), [14, 10, 10]),
}


@pytest.mark.parametrize(("world", "known"), REGISTERING.values(), ids=REGISTERING)
def test_each_provider_registers_what_the_world_says_as_its_own_models(
    world: Commons, known: list[int], tmp_path: Path, client: Client
) -> None:
    played = through(client, tmp_path, world, generations=1)
    models = [f"local/{played.run.id}-{k}@1" for k in range(3)]
    assert [played.count(2, models=[model])["model"] for model in models] == known


def test_who_registers_at_random_is_for_the_seed_to_say(tmp_path: Path, client: Client) -> None:
    world, registering = Commons(0.25, 1 / 3, "provider", 3), set()
    for seed in range(3):
        played = through(client, tmp_path / str(seed), world, generations=1, seed=seed)
        models = [f"local/{played.run.id}-{k}@1" for k in range(3)]
        counts = [played.count(2, models=[model])["model"] for model in models]
        assert counts == [20 if k in world.registering(seed) else 0 for k in range(3)]
        registering.add(counts.index(20))
    assert len(registering) > 1


def test_rows_have_what_truly_is_human_of_each_provider_and_of_all(tmp_path: Path, client: Client) -> None:
    played = through(client, tmp_path, Commons(0.25, 0.3, providers=3, lies=0.2, archived=0.2), Crawl(), generations=2)
    for row in played.rows:
        human = np.concatenate([played.digests("human", t) for t in ((0,) if row["round"] == 1 else (row["round"],))])
        true = [np.isin(mix, human).mean() for mix in played.drawn(row["round"])]
        assert [provider["true_human_share"]["mean"] for provider in row["providers"]] == pytest.approx(true)
        assert row["metrics"]["true_human_share"]["mean"] == pytest.approx(np.mean(true))
        assert row["metrics"]["mean_error"]["n"] == 3
    assert played.rows[0]["metrics"]["true_human_share"]["mean"] == 1
    assert played.rows[1]["metrics"]["true_human_share"]["mean"] < 0.8


def test_one_providers_rows_have_no_list_of_providers(tmp_path: Path, client: Client) -> None:
    assert "providers" not in through(client, tmp_path, Commons(0.25), generations=1).rows[0]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("base", [True, False])
def test_who_is_better_trains_on_more_after_a_model_that_is_everybodys(
    base: bool, log: bool, tmp_path: Path, client: Client
) -> None:
    world = Commons(0.25, registered=0.0, providers=3, training="zipf", base=base)
    played = through(client, tmp_path, world, Crawl(log=log), generations=2)
    assert [len(mix) for mix in played.drawn(1)] == ([20, 20, 20] if base else [20, 10, 7])
    assert [len(mix) for mix in played.drawn(2)] == ([80, 80, 80] if log else [20, 10, 7])
    assert world.outputs(20) == (20, 20, 20)


@pytest.mark.parametrize("base", [True, False])
def test_providers_begin_with_one_model_or_each_with_its_own(base: bool, tmp_path: Path, client: Client) -> None:
    played = through(client, tmp_path, Commons(0.25, providers=2, base=base), human=40, generations=2)
    first, later = ([provider["mean"]["mean"] for provider in row["providers"]] for row in played.rows[:2])
    assert (first[0] == first[1]) is base
    assert later[0] != later[1]


def test_a_late_truth_says_which_rounds_were_tainted_and_mends_those_after(tmp_path: Path, client: Client) -> None:
    world = Commons(0.5, registered=0.2, providers=2, late=3)
    rows = through(client, tmp_path, world, Crawl(), generations=5).rows
    made = [1 - row["metrics"]["true_human_share"]["mean"] for row in rows]
    assert [row["round"] for row in rows if "tainted" in row] == [3]
    assert rows[2]["tainted"] == pytest.approx({"1": 0, "2": made[1], "3": made[2]})
    assert min(made[1:3]) > 0
    assert made[3:] == [0, 0]


def test_late_registrations_cover_all_pools_so_far_at_the_end_of_their_round(tmp_path: Path, client: Client) -> None:
    played = through(client, tmp_path, Commons(0.25, registered=0.5, late=3), generations=4)
    before, after = held(0, 30, 0, 50), held(0, 60, 0, 20)
    assert [played.count(round, 2) for round in (2, 3)] == [before, before]
    assert [played.count(round, 3) for round in (2, 3, 4)] == [after] * 3
    assert played.count(5) == after


@pytest.mark.parametrize("backdated", [False, True])
def test_an_archive_is_as_good_as_the_dates_of_collection_are(backdated: bool, tmp_path: Path, client: Client) -> None:
    world = Commons(0.25, lies=0.5, backdated=backdated, archived=0.5)
    played = through(client, tmp_path, world, Archive())
    assert played.count(2, collected_before=FIRST_MODEL) == held(30 if backdated else 0, 0, 0, 0)
    shares = [row["metrics"]["true_human_share"]["mean"] for row in played.rows]
    assert shares[0] == 1
    assert max(shares[1:]) < 0.8 if backdated else shares == [1, 1, 1]


def test_weighing_by_a_strong_detector_raises_the_human_share(tmp_path: Path, client: Client) -> None:
    world = Commons(0.1, registered=0.0, detector=4, pool=20)
    regimes = {"weighed": Crawl(weigh=True), "drawn": Crawl()}
    played = {name: through(client, tmp_path / name, world, regime) for name, regime in regimes.items()}
    shares = {name: result.rows[-1]["metrics"]["true_human_share"]["mean"] for name, result in played.items()}
    assert shares["weighed"] > 0.6
    assert shares["drawn"] < 0.3


def test_a_detectors_confidences_arrive_and_what_has_none_or_0_is_never_drawn_by_them(
    tmp_path: Path, client: Client
) -> None:
    world = Commons(0.25, registered=0.0, detector=6, pool=10, lies=0.2, archived=0.2)
    played = through(client, tmp_path, world, generations=1)
    batches = RoundBatch(1, 0, world.outputs(20)[0]), RoundBatch(2, None, world.new_humans(20))
    confidences = [
        statement.confidences
        for batch in batches
        for statement in world.statements(batch, 0)
        if statement.confidences is not None
    ]
    seen = np.concatenate(confidences)
    assert len(seen) == 160
    assert 0 < np.count_nonzero(seen) < 160
    assert played.count(2) == held(200, 0, 0, 0)
    assert played.count(2, weight="confidence") == held(int(np.count_nonzero(seen)), 0, 0, 0)


def test_what_is_archived_is_drawn_by_confidence_where_it_is_vouched_for(tmp_path: Path, client: Client) -> None:
    """Of 400 items 90 have the confidence 1 and the others 1/31, so that of 20 drawn 18 are expected to be archived."""
    vouched = Commons(0.25, registered=0.0, archived=0.9, detector=0.01, vouched=True, pool=20)
    shares = {}
    for world in (vouched, dataclasses.replace(vouched, vouched=False)):
        played = through(client, tmp_path / str(world.vouched), world, Crawl(weigh=True), generations=2)
        (archived,) = (
            statement for statement in world.statements(RoundBatch(2, None, 100), 0) if statement.evidence == "capture"
        )
        rows = played.digests("human", 2)[archived.rows]
        weighed = sum(played.count(2, weight="confidence").values())
        shares[world.vouched] = weighed, np.isin(rows, played.drawn(2)[0]).sum()
    assert shares[False] == (310, 0)
    assert shares[True][0] == 400
    assert shares[True][1] >= 14


@pytest.mark.parametrize(
    "world",
    [
        Commons(0.2, 0.5, detector=1.5, lies=0.2, archived=0.2),
        Commons(0.2, 0.5, "provider", 3, "zipf", "largest", detector=1.5),
        Commons(0.2, 0.5, missed=0.1, accused=0.1, growth=0.2, detector=1.5),
    ],
    ids=["by item", "by provider", "growing"],
)
def test_a_detectors_confidence_is_the_chance_that_people_made_the_item(world: Commons) -> None:
    """Of the items at each tenth of confidence, so many are human; within 4 standard errors, and 2 of 255 steps."""
    pool = [(True, RoundBatch(4, None, 20_000))]
    pool += [(False, RoundBatch(3, k, whole)) for k, whole in enumerate(world.outputs(20_000))]
    seen = [
        (statement.confidences, human)
        for human, batch in pool
        for statement in world.statements(batch, 0)
        if statement.provider is None
    ]
    vouched = [(confidences, human) for confidences, human in seen if confidences is not None]
    confidence = np.concatenate([confidences for confidences, _ in vouched]) / 255
    human = np.concatenate([np.full(len(confidences), human) for confidences, human in vouched])
    for tenth in range(10):
        chosen = (confidence * 10).astype(int).clip(max=9) == tenth
        if chosen.sum() < 200:
            continue
        share, believed = human[chosen].mean(), confidence[chosen].mean()
        assert share == pytest.approx(believed, abs=4 * np.sqrt(believed * (1 - believed) / chosen.sum()) + 2 / 255)


def test_a_private_log_leaves_out_ones_own_items_and_takes_n_of_the_rest(tmp_path: Path, client: Client) -> None:
    played = through(client, tmp_path, Commons(0.25, registered=0.5, providers=3), Crawl(log=True), generations=2)
    for row in played.rows[1:]:
        t, mixes = row["round"], played.drawn(row["round"])
        assert [len(mix) for mix in mixes] == [80] * 3  # what the registry is told is the pool that was chosen from
        for k, (mix, provider) in enumerate(zip(mixes, row["providers"], strict=True)):
            trained = mix[~np.isin(mix, played.digests(f"model-{k}", t - 1))][:20]
            true = np.isin(trained, played.digests("human", t)).mean()
            assert provider["true_human_share"]["mean"] == pytest.approx(true)
            items = np.concatenate([_values(played, role, r) for role, r in _pool(t)])
            digests = np.concatenate([played.digests(role, r) for role, r in _pool(t)])
            assert provider["mean"]["mean"] == pytest.approx(items[np.isin(digests, trained)].mean())


def _pool(round: int) -> list[tuple[str, int]]:
    return [("human", round), *((f"model-{k}", round - 1) for k in range(3))]


def _values(played: Played, role: str, round: int) -> Floats:
    items: Floats = np.load(played.results.folder / "contents" / f"{role}-{round:04d}.items.npy")[:, 0, 0]
    return items


def test_a_private_log_that_leaves_too_few_items_is_refused(tmp_path: Path, client: Client) -> None:
    with pytest.raises(ValueError, match="the pool has 10 items that provider 0 did not make, and it trains on 20"):
        through(client, tmp_path, Commons(0.5, pool=1), Crawl(log=True))


@pytest.mark.parametrize("settings", [{"everything": True}, {"weigh": True}, {"share": 0.5}], ids=str)
def test_a_private_log_with_what_it_cannot_do_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="private log"):
        Crawl(log=True, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"human": 1.2},
        {"human": 1.0},
        {"human": 0.0},
        {"providers": 0},
        {"growth": -0.1},
        {"accused": 0.6, "archived": 0.6},
        {"detector": 1.0, "late": 3},
        {"order": "best"},
        {"vouched": True},
    ],
    ids=str,
)
def test_an_impossible_world_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Commons(**settings)


def test_a_commons_cut_before_and_after_its_turn_and_gone_on_with_writes_the_same_bytes(
    tmp_path: Path, client: Client
) -> None:
    """With corrections made, a private log kept, several providers: all that a state does not hold is found again."""
    world = Commons(0.5, registered=0.3, providers=2, lies=0.1, late=2)
    played = through(client, tmp_path, world, Crawl(log=True), chains=2)
    file = tmp_path / results.FILE
    before, lines = file.read_bytes(), file.read_bytes().splitlines(keepends=True)
    for round in (1, 2):
        generations = tuple(row["generation"] for row in played.results.rows[: round + 1])
        position = played.rounds[round]["position"]
        checkpoints.save(tmp_path, State(position, generations, sum(map(len, lines[: round + 2]))))
        file.write_bytes(b"".join(lines[: round + 3]) + b'{"round": 4, "gen')
        play(tmp_path, played.run, client)
        assert file.read_bytes() == before
