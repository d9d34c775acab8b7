"""Each regime's parts, as filters: what a round asks the registry for."""

import pytest

from firsthand.schemas.mixes import Part, Recipe
from simulator.recipes import (
    Accumulate,
    AccumulateSubsample,
    Fresh,
    History,
    HumanOnly,
    Preserve,
    Regime,
    Replace,
)

HUMAN, FRESH, OUTPUTS = "local/r-human", "local/r-fresh-0003", "local/r-outputs"
BEGINNING = History(1, 100, HUMAN, (), OUTPUTS, (), (0,))
LATER = History(3, 100, HUMAN, (), OUTPUTS, ("local/r@1", "local/r@2"), (0, 1, 2))
ALL = [Replace(), Accumulate(), AccumulateSubsample(), Preserve(0.1), Fresh(0.1), HumanOnly()]


@pytest.mark.parametrize("history", [BEGINNING, LATER], ids=["first round", "third round"])
@pytest.mark.parametrize("regime", ALL, ids=lambda regime: type(regime).__name__)
def test_every_part_of_every_regime_looks_in_the_runs_own_datasets_alone(regime: Regime, history: History) -> None:
    for part in regime.parts(history):
        assert part.datasets is not None
        assert set(part.datasets) <= {HUMAN, OUTPUTS}


@pytest.mark.parametrize("regime", ALL, ids=lambda regime: type(regime).__name__)
def test_every_regime_fits_the_first_model_to_human_items_alone(regime: Regime) -> None:
    parts = regime.parts(BEGINNING)
    assert [part.datasets for part in parts] == [[HUMAN]]
    assert parts[0].size in (100, None)
    Recipe(parts=parts)


def test_replace_trains_on_the_last_generation_by_provenance() -> None:
    assert Replace().parts(LATER) == [Part(generation_in=[2], datasets=[HUMAN, OUTPUTS], size=100)]


def test_the_last_generation_is_the_one_that_the_registry_computed_and_not_the_rounds_number() -> None:
    always_first = History(3, 100, HUMAN, (), OUTPUTS, ("local/r@1", "local/r@2"), (0, 1, 1))
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
    history = History(3, 100, HUMAN, ("local/r-fresh-0002", FRESH), OUTPUTS, ("local/r@1", "local/r@2"), (0, 1, 2))
    new, made = Fresh(0.3).parts(history)
    assert (new.verdict_in, new.datasets, new.size) == (["human"], [FRESH], None)
    assert (made.generation_in, made.size) == ([2], 70)
    assert Fresh(0.3).new_humans(100) == 30


@pytest.mark.parametrize("kind", [Preserve, Fresh])
@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_an_impossible_share_is_refused(kind: type[Preserve | Fresh], share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        kind(share)
