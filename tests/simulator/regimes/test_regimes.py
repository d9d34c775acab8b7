"""Each regime's parts, as filters: what a round asks the registry for."""

import dataclasses

import pytest

from firsthand.schemas.mixes import Part, Recipe
from simulator.regimes import (
    Accumulate,
    AccumulateSubsample,
    Archive,
    Augment,
    Cap,
    Crawl,
    Decay,
    Entrant,
    Fresh,
    Golden,
    HumanOnly,
    HumanPart,
    Preserve,
    Regime,
    Replace,
    RunHistory,
)
from simulator.worlds.base import Truthful

HUMAN, FRESH, OUTPUTS = "local/r-human", "local/r-fresh-0003", "local/r-outputs"
BEGINNING = RunHistory(1, 100, HUMAN, (), OUTPUTS, (), (0,))
LATER = RunHistory(3, 100, HUMAN, (), OUTPUTS, ("local/r@1", "local/r@2"), (0, 1, 2))
ALL: list[Regime] = [
    *(Replace(), Accumulate(), AccumulateSubsample(), Preserve(0.1), Fresh(0.1), HumanOnly()),
    *(Augment(), Augment(growing=True), HumanPart(0.1), HumanPart(0.1, fresh=True), Cap(0.5), Decay(0.5), Golden()),
]


@pytest.mark.parametrize("history", [BEGINNING, LATER], ids=["first round", "third round"])
@pytest.mark.parametrize("regime", ALL, ids=lambda regime: type(regime).__name__)
def test_every_part_of_every_regime_looks_in_the_runs_own_datasets_alone(regime: Regime, history: RunHistory) -> None:
    for part in regime.parts(dataclasses.replace(history, fresh=(FRESH,) if history.models else ())):
        assert part.datasets is not None
        assert set(part.datasets) <= {HUMAN, OUTPUTS, FRESH}


@pytest.mark.parametrize("regime", ALL, ids=lambda regime: type(regime).__name__)
def test_every_regime_fits_the_first_model_to_human_items_alone(regime: Regime) -> None:
    parts = regime.parts(BEGINNING)
    assert [part.datasets for part in parts] == [[HUMAN]]
    assert parts[0].size in (100, None)
    Recipe(parts=parts)


def test_replace_trains_on_the_last_generation_by_provenance() -> None:
    assert Replace().parts(LATER) == [Part(generation_in=[2], datasets=[HUMAN, OUTPUTS], size=100)]


def test_replace_takes_some_times_n_items_once_there_is_a_generation_to_take_them_of() -> None:
    assert [part.size for history in (BEGINNING, LATER) for part in Replace(3).parts(history)] == [100, 300]


@pytest.mark.parametrize("kind", [Replace, Truthful], ids=["regime", "world"])
def test_fewer_than_n_items_are_no_times_n(kind: type[Replace | Truthful]) -> None:
    with pytest.raises(ValueError, match="times"):
        kind(0)


def test_the_last_generation_is_the_one_that_the_registry_computed_and_not_the_rounds_number() -> None:
    always_first = RunHistory(3, 100, HUMAN, (), OUTPUTS, ("local/r@1", "local/r@2"), (0, 1, 1))
    assert Replace().parts(always_first)[0].generation_in == [1]


def test_accumulate_takes_every_item_of_known_origin() -> None:
    assert Accumulate().parts(LATER) == [Part(verdict_in=["human", "model"], datasets=[HUMAN, OUTPUTS])]


def test_accumulate_subsample_takes_n_of_them() -> None:
    assert AccumulateSubsample().parts(LATER)[0].size == 100


def test_preserve_takes_its_share_of_human_items_and_the_rest_of_the_last_generation() -> None:
    humans, made = Preserve(0.1).parts(LATER)
    assert (humans.verdict_in, humans.datasets, humans.size) == (["human"], [HUMAN], 10)
    assert (made.generation_in, made.size) == ([2], 90)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_everything_leaves_one_part(share: float) -> None:
    assert [part.size for part in Preserve(share).parts(LATER)] == [100]


def test_fresh_takes_all_new_human_items_of_the_round_and_the_rest_of_the_last_generation() -> None:
    history = RunHistory(3, 100, HUMAN, ("local/r-fresh-0002", FRESH), OUTPUTS, ("local/r@1", "local/r@2"), (0, 1, 2))
    new, made = Fresh(0.3).parts(history)
    assert (new.verdict_in, new.datasets, new.size) == (["human"], [FRESH], None)
    assert (made.generation_in, made.size) == ([2], 70)
    assert Fresh(0.3).new_humans(100) == 30


@pytest.mark.parametrize("kind", [Preserve, Fresh])
@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_an_impossible_share_is_refused(kind: type[Preserve | Fresh], share: float) -> None:
    with pytest.raises(ValueError, match="use a number from 0 to 1"):
        kind(share)


SIZED = dataclasses.replace(LATER, humans=100)


def sizes(regime: Regime, history: RunHistory = SIZED) -> list[int | None]:
    return [part.size for part in regime.parts(history)]


def test_augmentation_adds_a_ratio_of_the_last_generation_to_all_human_items() -> None:
    humans, synthetic = Augment(0.3).parts(SIZED)
    assert (humans.verdict_in, humans.size) == (["human"], None)
    assert (synthetic.generation_in, synthetic.size) == ([2], 30)


def test_growing_augmentation_adds_as_many_of_each_generation_so_far() -> None:
    _, synthetic = Augment(0.3, growing=True).parts(SIZED)
    assert (synthetic.verdict_in, synthetic.generation_in, synthetic.size) == (["model"], None, 60)


def test_the_human_part_is_what_preserve_takes_of_human_items() -> None:
    assert HumanPart(0.1).parts(LATER) == Preserve(0.1).parts(LATER)[:1]


def test_the_human_part_of_fresh_is_this_rounds_new_items() -> None:
    fresh = dataclasses.replace(LATER, fresh=(FRESH,))
    assert HumanPart(0.3, fresh=True).parts(fresh) == Fresh(0.3).parts(fresh)[:1]
    assert HumanPart(0.3, fresh=True).new_humans(100) == 30


@pytest.mark.parametrize(("share", "synthetic"), [(0.2, 25), (0.5, 100), (0.9, 200)])
def test_a_cap_takes_as_much_synthetic_as_keeps_its_share_and_no_more_than_there_is(
    share: float, synthetic: int
) -> None:
    assert sizes(Cap(share)) == [None, synthetic]


@pytest.mark.parametrize(
    ("decay", "expected"), [(0.5, [57, 29, 14]), (1.0, [34, 33, 33]), (2.0, [14, 29, 57]), (0.0, [100])]
)
def test_decay_takes_of_each_generation_less_the_older_it_is(decay: float, expected: list[int]) -> None:
    assert sizes(Decay(decay)) == expected


def test_decay_asks_for_no_more_parts_than_a_recipe_may_have() -> None:
    long = dataclasses.replace(LATER, round=101, n=1000, generations=tuple(range(100)))
    for decay in (0.99, 1.0, 1.1):
        Recipe(parts=Decay(decay).parts(long))


def test_the_golden_ratio_is_fresh_at_its_share() -> None:
    fresh = dataclasses.replace(LATER, fresh=(FRESH,))
    assert Golden().parts(fresh) == Fresh(0.6180339887498949).parts(fresh)
    assert Golden().new_humans(1000) == 618


POOLED = dataclasses.replace(LATER, pools=("local/r-pool-0002", "local/r-pool-0003"))


@pytest.mark.parametrize(
    ("regime", "verdicts"),
    [
        (Crawl(), {"human", "unknown"}),
        (Crawl(unknown="drop"), {"human"}),
        (Crawl(models="keep"), {"human", "unknown", "model", "contested"}),
        (Crawl(contested="human"), {"human", "unknown", "contested"}),
        (Crawl(log=True, unknown="drop"), {"human", "unknown", "model", "contested"}),
    ],
    ids=["as-human", "drop", "without-labels", "contested-as-human", "log"],
)
def test_a_crawl_takes_what_it_does_not_know_as_it_says(regime: Crawl, verdicts: set[str]) -> None:
    (part,) = regime.parts(POOLED)
    assert set(part.verdict_in or []) == verdicts
    assert part.datasets == ["local/r-pool-0003"]
    assert part.size == (None if regime.log else 100)


def test_a_crawl_of_all_rounds_has_every_pool_and_the_archive() -> None:
    assert Crawl(rounds=0).parts(POOLED)[0].datasets == [HUMAN, *POOLED.pools]
    assert Crawl(rounds=2).parts(POOLED)[0].datasets == [*POOLED.pools]


def test_a_late_entrant_keeps_the_pool_that_it_came_in_to() -> None:
    first, second = POOLED.pools
    for entry, last in ((1, first), (2, second), (3, second)):
        assert Entrant(entry=entry).parts(POOLED)[0].datasets == [last]
    assert Entrant(rounds=0, entry=1).parts(POOLED)[0].datasets == [HUMAN, first]
    with pytest.raises(ValueError, match="before generation 1"):
        Entrant(entry=0)


def test_of_an_archive_n_items_are_taken_or_all() -> None:
    assert [Archive().parts(POOLED)[0].size, Archive(everything=True).parts(POOLED)[0].size] == [100, None]


@pytest.mark.parametrize("regime", [Crawl(), Fresh(0.1), HumanPart(0.1, fresh=True)], ids=str)
def test_a_regime_that_its_world_has_nothing_for_says_so(regime: Regime) -> None:
    with pytest.raises(ValueError, match=r"use a (world|regime)"):
        regime.parts(LATER)
