"""Each part of a commons by itself: what it refuses, and which statements it makes of the rows that it is given."""

from collections.abc import Callable

import numpy as np
import pytest

from simulator.worlds.base import RoundBatch
from simulator.worlds.commons import Commons
from simulator.worlds.parts import (
    HumanArchive,
    LabelErrors,
    Lies,
    OriginDetector,
    ProviderRegistration,
    SharedPool,
    cut,
)

ROWS = np.arange(10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SharedPool(1.5, 1, "equal", "equal", 4), "human is 1.5: use a number from 0 to 1"),
        (lambda: SharedPool(0.1, 0, "equal", "equal", 4), "providers is 0: use 1 or more"),
        (lambda: SharedPool(0.0, 1, "equal", "equal", 0), "human is 0 and pool is 0: set the size of the pool"),
        (lambda: SharedPool(1.0, 1, "equal", "equal", 4), "use the regime human-only"),
        (lambda: ProviderRegistration(-0.1, "item", "random"), "registered is -0.1: use a number from 0 to 1"),
        (lambda: LabelErrors(1.1, 0.0, 0.0), "missed is 1.1: use a number from 0 to 1"),
        (lambda: LabelErrors(0.0, 2.0, 0.0), "accused is 2: use a number from 0 to 1"),
        (lambda: LabelErrors(0.0, 0.0, -1.0), "growth is -1"),
        (lambda: Lies(2.0, 0.0, False), "lies is 2: use a number from 0 to 1"),
        (lambda: Lies(0.0, 2.0, False), "contested is 2: use a number from 0 to 1"),
        (lambda: HumanArchive(2.0, False), "archived is 2: use a number from 0 to 1"),
        (lambda: OriginDetector(-1.0), "detector is -1"),
        (lambda: Commons(vouched=True), "vouched is true and detector is 0"),
        (lambda: Commons(order="best"), "set training=zipf"),
        (lambda: Commons(late=2, detector=1.0), "Set late=0 or detector=0"),
        (lambda: Commons(late=-1), "late is -1"),
        (lambda: Commons(accused=0.6, archived=0.5), "their sum must be at most 1"),
    ],
)
def test_an_impossible_setting_is_refused_with_its_name(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_pool_divides_its_items_by_market_share() -> None:
    pool = SharedPool(0.25, 3, "zipf", "equal", 4)
    assert (pool.items(20), pool.humans(20), pool.outputs(20)) == (80, 20, (33, 16, 11))
    assert sum(pool.market_shares) == pytest.approx(1)


def test_without_a_size_a_pool_has_just_enough_human_items_for_one_model() -> None:
    pool = SharedPool(0.25, 1, "equal", "equal", 0)
    assert (pool.items(20), pool.humans(20)) == (80, 20)


def test_providers_of_unequal_quality_train_on_fewer_and_fewer_items() -> None:
    assert [SharedPool(0.25, 3, "equal", "zipf", 4).training_size(k, 20) for k in range(3)] == [20, 10, 7]


@pytest.mark.parametrize(
    ("order", "registering"), [("largest", {0, 1}), ("best", {0, 1}), ("smallest", {2, 3}), ("worst", {2, 3})]
)
def test_the_first_providers_in_order_register_all_items(order: str, registering: set[int]) -> None:
    registration = ProviderRegistration(0.5, "provider", order)  # type: ignore[arg-type]
    assert registration.registering(4, seed=0) == registering
    assert [registration.share_of(k, 4, seed=0) for k in range(4)] == [float(k in registering) for k in range(4)]


def test_each_provider_registers_the_share_of_its_items() -> None:
    assert ProviderRegistration(0.3, "item", "random").share_of(2, 4, seed=0) == 0.3


def test_label_errors_grow_from_pool_to_pool_and_only_if_there_are_any() -> None:
    """The output of round t and the human items of round t + 1 are in one pool."""
    errors = LabelErrors(0.1, 0.2, 0.3)
    assert [errors.missed_of(RoundBatch(t, 0, 10)) for t in (1, 2, 3, 4)] == pytest.approx([0.1, 0.4, 0.7, 1.0])
    assert [errors.accused_of(RoundBatch(t, None, 10)) for t in (2, 3, 4)] == pytest.approx([0.2, 0.5, 0.8])
    assert LabelErrors(0.0, 0.0, 0.3).missed_of(RoundBatch(4, 0, 10)) == 0


def test_label_errors_state_the_wrong_origin() -> None:
    errors = LabelErrors(0.1, 0.1, 0.0)
    assert errors.registered_as_model(ROWS, 2)[1:4] == ("model", 2, "generator")
    assert errors.registered_as_human(ROWS)[1:4] == ("human", None, "detector")
    assert errors.accusation(ROWS)[1:4] == ("model", 0, "detector")


def test_a_part_of_the_lies_is_contradicted() -> None:
    lies = Lies(0.5, 0.3, backdated=True)
    assert (lies.lie(ROWS).origin, lies.lie(ROWS).before) == ("human", True)
    contradiction = lies.contradiction(ROWS, 1)
    assert (contradiction.rows.tolist(), contradiction.origin, contradiction.provider) == ([0, 1, 2], "model", 1)


@pytest.mark.parametrize("vouched", [True, False])
def test_an_archive_states_human_by_capture_and_is_certain_if_vouched_for(vouched: bool) -> None:
    statement = HumanArchive(0.1, vouched).statement(ROWS)
    assert statement[1:4] == ("human", None, "capture")
    confidences = None if statement.confidences is None else statement.confidences.tolist()
    assert confidences == ([255] * 10 if vouched else None)


def test_a_detector_is_surer_of_human_items_the_farther_apart_it_sees_them() -> None:
    gaps = []
    for distance in (0.01, 1.0, 4.0):
        detector, rows = OriginDetector(distance), np.arange(2_000)
        human, model = (
            detector.statement(rows, RoundBatch(2, maker, 2_000), 0, 0.5, 0.5).confidences for maker in (None, 0)
        )
        assert human is not None
        assert model is not None
        gaps.append(human.mean() - model.mean())
    assert gaps[0] < 5 < gaps[1] < 150 < gaps[2]


def test_rows_are_cut_without_an_error_of_a_whole_item() -> None:
    for share in (0.05, 0.25, 0.35, 0.45):
        first, second, remaining = cut(ROWS, share, share)
        assert abs(len(first) - 10 * share) <= 0.5
        assert abs(len(first) + len(second) - 20 * share) <= 0.5
        assert np.concatenate([first, second, remaining]).tolist() == ROWS.tolist()
